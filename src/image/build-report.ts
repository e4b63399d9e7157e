import type { Clock } from "../lib/clock.ts";
import type { Layer } from "./layers.ts";
import { annotations, type Manifest } from "./oci-types.ts";

export type BuildEvent =
  | { readonly kind: "layer-started"; readonly layer: string }
  | ({ readonly kind: "layer-done" } & BuiltLayer)
  /** One sentence about what goes on. */
  | { readonly kind: "message"; readonly text: string }
  /** One sentence that stays: about what came of the build. */
  | { readonly kind: "note"; readonly text: string };

export interface BuiltLayer {
  /** `base`, `packages` or `files`. */
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly cached: boolean;
  /** What the user waited for it: fetching its packages and reading its files included. */
  readonly ms: number;
}

/** Tells of layers as they are made, and remembers them for the result. */
export class LayerReport {
  readonly layers: BuiltLayer[] = [];
  readonly #prepared = new Map<string, number>();
  readonly #clock: Clock;
  readonly #progress: (event: BuildEvent) => void;

  constructor(clock: Clock, progress: (event: BuildEvent) => void) {
    this.#clock = clock;
    this.#progress = progress;
  }

  /** Does what comes before a layer's writing, such as fetching its packages, and counts it to that layer. */
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

  /** For a build that found the whole image made before. */
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
