import type { Clock } from "../../lib/time/clock.ts";
import { annotations, type Manifest } from "../store/oci-types.ts";
import type { Layer } from "./layers.ts";

export type BuildEvent =
  | { readonly kind: "layer-started"; readonly layer: string }
  | ({ readonly kind: "layer-done" } & BuiltLayer)
  /** One sentence about the current step. */
  | { readonly kind: "message"; readonly text: string }
  /** One sentence about the result of the build, which stays on the screen. */
  | { readonly kind: "note"; readonly text: string };

export interface BuiltLayer {
  /** `base`, `packages` or `files`. */
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly cached: boolean;
  /** How long the user waited for it, including fetching its packages and reading its files. */
  readonly ms: number;
}

/** Reports layers as they are made, and collects them for the result. */
export class LayerReport {
  readonly layers: BuiltLayer[] = [];
  readonly #prepared = new Map<string, number>();
  readonly #clock: Clock;
  readonly #progress: (event: BuildEvent) => void;

  constructor(clock: Clock, progress: (event: BuildEvent) => void) {
    this.#clock = clock;
    this.#progress = progress;
  }

  /** Runs the work before a layer is written, such as fetching its packages, and adds its time to that layer. */
  async prepare<T>(layer: string, work: () => Promise<T>): Promise<T> {
    const begunMs = this.#clock.elapsed();
    const result = await work();
    this.#prepared.set(layer, this.#clock.elapsed() - begunMs);
    return result;
  }

  async run(layer: string, work: () => Promise<Layer>): Promise<Layer> {
    const begunMs = this.#clock.elapsed();
    this.#progress({ kind: "layer-started", layer });
    const made = await work();
    const preparedMs = this.#prepared.get(layer) ?? 0;
    this.#prepared.delete(layer);
    this.#done({ ...made, ms: preparedMs + this.#clock.elapsed() - begunMs });
    return made;
  }

  note(text: string): void {
    this.#progress({ kind: "note", text });
  }

  /** For a build that found the complete image in the cache. */
  allCached(manifest: Manifest): readonly BuiltLayer[] {
    for (const { annotations: notes, digest, size } of manifest.layers) {
      this.#done({
        name: notes?.[annotations.layerName] ?? "base",
        digest,
        bytes: size,
        cached: true,
        ms: 0,
      });
    }
    return this.layers;
  }

  #done(layer: BuiltLayer): void {
    this.layers.push(layer);
    this.#progress({ kind: "layer-done", ...layer });
  }
}
