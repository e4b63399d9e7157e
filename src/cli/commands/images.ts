import type { StoredImage } from "../../image/images.ts";
import type { Context, Outcome } from "../context.ts";
import { table } from "../output/text.ts";
import { formatAge, formatBytes, shortDigest } from "../output/units.ts";

/** An image with the kept releases that need it. */
interface ListedImage extends StoredImage {
  readonly usedBy: readonly string[];
}

export async function run(context: Context, _options: object, service?: string): Outcome {
  const { listImages } = await import("../../image/images.ts");
  const [stored, client] = await Promise.all([listImages(context.state), context.connect()]);
  const inUse = await client.imagesInUse();
  const images = stored
    .filter((image) => service === undefined || image.service === service)
    .map((image) => ({ ...image, usedBy: inUse.get(image.digest) ?? [] }))
    .reverse();
  context.output.result(images, imageLines(images, context.clock.now()));
  return 0;
}

/** One line per image, the newest first. Equal layers are stored once, so the sizes do not add up. */
export function imageLines(images: readonly ListedImage[], nowMs: number): string[] {
  if (images.length === 0) return ["No images. `kiln build` makes one."];
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
