import type { StoredImage } from "../../../image/store/images.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Context } from "../../context.ts";
import { findImages } from "./change.ts";

/** The image of this machine's store that a name means: of several versions of one digest, the newest. Throws `image_unknown`. */
export async function storedImage({ state }: Context, name: string): Promise<StoredImage> {
  const { listImages } = await import("../../../image/store/images.ts");
  const image = findImages(await listImages(state), name).at(-1);
  if (image === undefined) throw new KilnError("image_unknown", `There is no image named ${name}.`);
  return image;
}
