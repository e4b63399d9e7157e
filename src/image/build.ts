import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError, toKilnError } from "../lib/errors.ts";
import { sweepTemporary } from "../lib/files/temporary.ts";
import { type Checkout, readCheckout } from "../lib/process/git.ts";
import { ensureStateFolder, stateError } from "../lib/state-folder.ts";
import { pacer } from "../lib/time/pace.ts";
import { buildKey, knownImage, rememberImage } from "./build-key.ts";
import type { BuildOptions } from "./build-options.ts";
import type { FindPlace } from "./commands.ts";
import type { Inputs } from "./layers/assemble.ts";
import { type BuiltLayer, LayerReport } from "./layers/build-report.ts";
import type { LayerPlace } from "./layers/layers.ts";
import { readInputs } from "./read-inputs.ts";
import { ensureStore, imageStore, readManifest } from "./store/image-store.ts";
import { annotations } from "./store/oci-types.ts";
import { publish } from "./store/publish.ts";
import { gitState } from "./store/version.ts";

export interface BuildResult {
  /** Of the image's manifest. */
  readonly digest: string;
  /** Of its layers alone: the ChainID over their diff ids. */
  readonly contentDigest: string;
  readonly version: string;
  /** Of all layers, uncompressed. */
  readonly bytes: number;
  readonly layers: readonly BuiltLayer[];
  readonly ms: number;
  /** What git says of the project folder; undefined where it says nothing. */
  readonly checkout: Checkout | undefined;
  /** False when the image store already had this image under this version. */
  readonly changed: boolean;
}

/**
 * Builds the image of a service and gives it its version. The same inputs and lock give the same digest anywhere. Until
 * the last step nothing refers to the written files, so a build may be cancelled or killed at any point.
 *
 * Throws the errors of the spec's files, packages, user and commands, and `version_taken`, `disk_full`, `cancelled`.
 */
export async function buildImage(spec: ServiceSpec, options: BuildOptions): Promise<BuildResult> {
  try {
    return await build(spec, options);
  } catch (error) {
    if (options.signal.aborted) throw new KilnError("cancelled", "The build was cancelled.", { retry: true });
    throw toKilnError(stateError(options.state.home, error), options.state.home);
  }
}

async function build(spec: ServiceSpec, options: BuildOptions): Promise<BuildResult> {
  const { state, clock, signal } = options;
  const begunMs = clock.elapsed();
  ensureStateFolder(state);
  const store = imageStore(state);
  const place = { store, cache: state.cache, nowMs: clock.now(), pace: pacer(signal) };
  await ensureStore(store);
  sweepTemporary(store.temporary);
  const asked = readCheckout(options.projectFolder, signal);
  asked.catch(() => {}); // awaited below; a failure before that must not count as unhandled
  const report = new LayerReport(clock, options.progress);
  const inputs = await readInputs(spec, options, place, report);
  const key = buildKey(spec, inputs);
  const known = await knownImage(place, key);
  const { findPlace = async () => undefined } = options;
  const digest = known ?? (await makeImage(spec, inputs, place, report, key, findPlace));
  const checkout = await asked;
  if (known === undefined) {
    const { projectFolder } = options;
    const { bases, packages } = inputs;
    const [startedAtMs, finishedAtMs] = [place.nowMs, clock.now()];
    await options.made?.({
      ...{ digest, spec, projectFolder, inputs: key, bases, packages, checkout },
      ...{ startedAtMs, finishedAtMs },
    });
  }
  const git = checkout && gitState(checkout);
  const question = { service: spec.service, wanted: spec.image.version, git, digest };
  const published = await publish(store, question, clock.now(), signal);
  const manifest = readManifest(store, digest);
  return {
    digest,
    contentDigest: manifest.annotations?.[annotations.contentDigest] ?? "",
    ...published,
    checkout,
    bytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    layers: known === undefined ? report.layers : report.allCached(manifest),
    ms: clock.elapsed() - begunMs,
  };
}

/** Loaded only when there is something to make: an unchanged build ends before. */
async function makeImage(
  spec: ServiceSpec,
  inputs: Inputs,
  place: LayerPlace,
  report: LayerReport,
  key: string,
  findPlace: FindPlace,
): Promise<string> {
  const { assembleImage } = await import("./layers/assemble.ts");
  const digest = await assembleImage(spec, inputs, place, report, findPlace);
  await rememberImage(place, key, digest);
  return digest;
}
