import type { Release } from "../../../domain/rollout/release.ts";
import type { Call } from "../../contract/call.ts";
import type { ImagePusher } from "../../contract/images.ts";
import { nameOf } from "../objects/names.ts";

type Place = { readonly images: ImagePusher; readonly registry: string };
type Image = Pick<Release, "service" | "image">;

function repositoryOf({ registry }: Pick<Place, "registry">, service: string): string {
  return `${registry.replace(/\/+$/, "")}/${nameOf(service)}`;
}

/** What nodes pull: nothing else can be meant by the digest. */
export function imageReference(host: Pick<Place, "registry">, { service, image }: Image): string {
  return `${repositoryOf(host, service).replace(/^https?:\/\//, "")}@${image}`;
}

/** Brings the image into the registry, with the bytes and the digest that it has here. It asks each time: a registry may have lost what it had. */
export async function publishImage(host: Place, { service, image }: Image, call: Call): Promise<void> {
  // A tag, because registries may remove what has none.
  const tag = `kiln-${image.replace("sha256:", "").slice(0, 12)}`;
  await host.images.push(image, `${repositoryOf(host, service)}:${tag}`, call);
}
