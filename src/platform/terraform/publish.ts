import type { Release } from "../../domain/rollout/release.ts";
import type { Call } from "../contract/call.ts";
import type { ImagePusher } from "../contract/images.ts";

type Image = Pick<Release, "service" | "image">;

/** The service's own, in characters that every registry takes. */
function repositoryOf(registry: string, { service }: Image): string {
  return `${registry.replace(/\/+$/, "")}/${service.replace(/[^a-z0-9]+/g, "-")}`;
}

/** What servers pull: nothing else can be meant by the digest. */
export function imageReference(registry: string, image: Image): string {
  return `${repositoryOf(registry, image).replace(/^https?:\/\//, "")}@${image.image}`;
}

/** Brings the image into the registry. It asks each time: a registry may have lost what it had. */
export async function publishImage(
  images: ImagePusher,
  registry: string,
  image: Image,
  call: Call,
): Promise<void> {
  // A tag, because registries may remove what has none.
  const tag = `kiln-${image.image.replace("sha256:", "").slice(0, 12)}`;
  await images.push(image.image, `${repositoryOf(registry, image)}:${tag}`, call);
}
