import type { StoredImage } from "../../image/images.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
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
  const images = ofService(stored, service)
    .map((image) => ({ ...image, usedBy: inUse.get(image.digest) ?? [] }))
    .reverse();
  context.output.result(images, imageLines(images, context.clock.now()));
  return 0;
}

/** Those of one service, or all. Throws `image_unknown` where a service was named that has none. */
export function ofService(
  images: readonly StoredImage[],
  service: string | undefined,
): readonly StoredImage[] {
  const found = images.filter((image) => service === undefined || image.service === service);
  if (service === undefined || found.length > 0) return found;
  const services = [...new Set(images.map((image) => image.service))];
  const near = nearest(service, services);
  const list = services.length === 0 ? "`kiln build` makes one." : `There are of: ${services.join(", ")}.`;
  throw new KilnError("image_unknown", `There is no image of ${service}.`, {
    hint: near === undefined ? list : `Did you mean ${near}?`,
  });
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
