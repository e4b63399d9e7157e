import type { Release } from "../../domain/release.ts";
import type { Call } from "../platform.ts";
import type { KubernetesContext } from "./context.ts";
import { nameOf } from "./names.ts";

/** What each target has pushed already, so that servers that are made again do not ask the registry. */
const pushed = new WeakMap<KubernetesContext, Set<string>>();

type Image = Pick<Release, "service" | "image">;

function repositoryOf({ registry }: KubernetesContext, service: string): string {
  return `${registry.replace(/\/+$/, "")}/${nameOf(service)}`;
}

/** What nodes pull: nothing else can be meant by the digest. */
export function imageReference(host: KubernetesContext, { service, image }: Image): string {
  return `${repositoryOf(host, service).replace(/^https?:\/\//, "")}@${image}`;
}

/** Brings the image into the registry, with the bytes and the digest that it has here. */
export async function publishImage(
  host: KubernetesContext,
  { service, image }: Image,
  call: Call,
): Promise<void> {
  const repository = repositoryOf(host, service);
  const known = pushed.get(host) ?? new Set();
  pushed.set(host, known);
  if (known.has(`${repository}@${image}`)) return;
  // A tag, because registries may remove what has none.
  await host.images.push(image, `${repository}:kiln-${image.replace("sha256:", "").slice(0, 12)}`, call);
  known.add(`${repository}@${image}`);
}
