import type { StoredImage } from "../../../image/store/images.ts";
import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { Context, Outcome } from "../../context.ts";
import { table } from "../../output/text.ts";
import { formatAge, formatBytes, shortDigest } from "../../output/units.ts";

/** An image and the kept releases that use it. */
interface ListedImage extends StoredImage {
  readonly usedBy: readonly string[];
}

export async function run(context: Context, _options: object, service?: string): Outcome {
  const { listImages } = await import("../../../image/store/images.ts");
  const [stored, client] = await Promise.all([listImages(context.state), context.connect()]);
  const inUse = new Map(Object.entries(await client.imagesInUse()));
  const images = ofService(stored, service)
    .map((image) => ({ ...image, usedBy: inUse.get(image.digest) ?? [] }))
    .reverse();
  context.output.result(images, imageLines(images, context.clock.now()));
  return 0;
}

/** The images of one service, or all. Throws `image_unknown` for a named service without images. */
export function ofService(
  images: readonly StoredImage[],
  service: string | undefined,
): readonly StoredImage[] {
  const found = images.filter((image) => service === undefined || image.service === service);
  if (service === undefined || found.length > 0) return found;
  const services = [...new Set(images.map((image) => image.service))];
  const near = nearest(service, services);
  const list =
    services.length === 0 ? "`kiln build` builds one." : `Services with images: ${services.join(", ")}.`;
  throw new KilnError("image_unknown", `${service} has no images.`, {
    hint: near === undefined ? list : `Did you mean ${near}?`,
  });
}

/** One line per image, the newest first. Equal layers are stored once, so the sizes do not add up. */
export function imageLines(images: readonly ListedImage[], nowMs: number): string[] {
  if (images.length === 0) return ["No images. `kiln build` builds one."];
  const rows = images.map((image) => [
    image.service,
    image.version,
    shortDigest(image.digest),
    formatBytes(image.bytes),
    formatAge(nowMs - image.createdAtMs),
    image.usedBy.join(", ") || "-",
  ]);
  return table(["SERVICE", "VERSION", "DIGEST", "SIZE", "AGE", "USED BY"], rows);
}
