import type { ImageBase } from "../domain/spec.ts";
import { KilnError } from "../lib/errors.ts";
import type { Base } from "./base.ts";
import type { InputIndex } from "./input-index.ts";
import type { LayerPlace } from "./layers.ts";

export async function openOciBase(
  base: Extract<ImageBase, { kind: "oci" }>,
  _place: LayerPlace,
  _index: InputIndex,
): Promise<Base> {
  throw new KilnError("image_invalid", `${base.path} cannot be read yet.`);
}
