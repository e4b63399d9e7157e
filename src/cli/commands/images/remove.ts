import type { StoredImage } from "../../../image/store/images.ts";
import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import type { Context, Outcome } from "../../context.ts";

export async function run(context: Context, _options: object, names: readonly string[]): Outcome {
  const { listImages, removeImage } = await import("../../../image/store/images.ts");
  const images = await listImages(context.state);
  const chosen = names.flatMap((name) => findImages(images, name));
  const inUse = new Map(Object.entries(await (await context.connect()).imagesInUse()));
  const removed: StoredImage[] = [];
  for (const { service, version } of chosen) {
    removed.push(await removeImage(context.state, service, version, inUse));
    context.output.note(`Removed ${service}:${version}`);
  }
  context.output.result(removed, ["`kiln gc` frees the space that nothing else uses."]);
  return 0;
}

/** Fewer digits of a digest would be ambiguous. */
const fewestDigits = 8;

/**
 * `shop:1.4.0` is that version; `sha256:4f1c...` or `4f1c...` is every version of that image. Throws
 * `image_unknown`.
 */
export function findImages(images: readonly StoredImage[], name: string): readonly StoredImage[] {
  const digits = /^(?:sha256:)?([0-9a-f]+)$/.exec(name)?.[1];
  const found = images.filter(
    (image) =>
      `${image.service}:${image.version}` === name ||
      (digits !== undefined && digits.length >= fewestDigits && image.digest.startsWith(`sha256:${digits}`)),
  );
  if (found.length > 0) return found;
  const near = nearest(
    name,
    images.map((image) => `${image.service}:${image.version}`),
  );
  throw new KilnError("image_unknown", `There is no image named ${name}.`, {
    hint:
      near === undefined
        ? "`kiln images` lists all images; name one as SERVICE:VERSION."
        : `Did you mean ${near}?`,
  });
}
