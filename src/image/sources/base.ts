import type { ImageBase } from "../../domain/spec.ts";
import type { InputIndex } from "../layers/input-index.ts";
import type { Layer, LayerPlace } from "../layers/layers.ts";
import type { ProcessConfig } from "../store/oci-types.ts";

/** The base of an image. */
export interface Base {
  /** Changes whenever the base's content does; cheap to find. */
  readonly identity: string;
  readonly process: ProcessConfig;
  /** Each adds one layer to the image store, on top of the layers `below` it; bottom first. */
  readonly layers: readonly ((place: LayerPlace, below: readonly Layer[]) => Promise<Layer>)[];
}

/** Opens the base. `debian` has no layers itself: all its content comes with the packages. */
export async function openBase(base: ImageBase, place: LayerPlace, index: InputIndex): Promise<Base> {
  if (base.kind === "oci") return (await import("./oci-base.ts")).openOciBase(base, place, index);
  return { identity: base.kind === "debian" ? `debian:${base.suite}` : "scratch", process: {}, layers: [] };
}
