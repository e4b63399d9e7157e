import { KilnError } from "../../lib/errors.ts";
import { inParallel } from "../../lib/in-parallel.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { pacer } from "../../lib/time/pace.ts";
import type { Layer, LayerPlace } from "../layers/layers.ts";
import type { Registry } from "../registry/registry.ts";
import { chooseForThisMachine } from "../sources/choose.ts";
import { foreignBase } from "../sources/foreign-base.ts";
import { type ForeignBlobs, parsed } from "../sources/foreign-blobs.ts";
import { RegistryBlobs } from "../sources/registry-blobs.ts";
import { contentBytes, contentLength } from "../store/content.ts";
import { blobSize, ensureStore, imageStore, putBlob } from "../store/image-store.ts";
import { type ForeignDescriptor, foreignManifest } from "../store/oci-schema.ts";
import { publish } from "../store/publish.ts";
import { type PulledReferrers, pullReferrers } from "./pull-referrers.ts";

export interface PulledImage extends PulledReferrers {
  readonly service: string;
  readonly version: string;
  readonly digest: string;
  /** Of all layers. */
  readonly bytes: number;
  /** False when the image store already had this image under this version. */
  readonly changed: boolean;
}

/**
 * Takes an image of a registry into the image store, under its digest there, and gives it a version. Its layers must be
 * stored plain, as Kiln pushes them: servers are made from exactly these bytes. Throws what the registry's calls throw,
 * `image_unknown` (none for this machine), `image_invalid`, `version_taken`.
 */
export async function pullImage(
  state: StateFolder,
  registry: Registry,
  name: { readonly service: string; readonly version: string },
  progress: (text: string) => void,
): Promise<PulledImage> {
  const store = imageStore(state);
  const { clock, signal, reference } = registry;
  const blobs = new RegistryBlobs(registry, { cache: state.cache, progress });
  const root = await blobs.root(reference.digest ?? (await blobs.resolve(reference.tag ?? "")));
  const chosen = await chooseForThisMachine(blobs, [root]);
  await ensureStore(store);
  const bytes = await takeIn(blobs, chosen, {
    ...{ store, cache: state.cache },
    ...{ nowMs: clock.now(), pace: pacer(signal) },
  });
  const wanted = { service: name.service, wanted: name.version, git: undefined, digest: chosen.digest };
  const published = await publish(store, wanted, clock.now(), signal);
  const referrers = await pullReferrers(store, chosen.digest, registry);
  return { ...name, digest: chosen.digest, bytes, ...referrers, ...published };
}

const atOnce = 3;

/** All blobs of an image, the manifest last; returns the bytes of the layers. */
async function takeIn(blobs: ForeignBlobs, chosen: ForeignDescriptor, place: LayerPlace): Promise<number> {
  const manifest = await parsed(foreignManifest, blobs, chosen);
  const { layers } = await foreignBase(blobs, chosen);
  const missing = manifest.layers.filter(({ digest }) => blobSize(place.store, digest) === undefined);
  await inParallel(missing, atOnce, (layer) => blobs.open(layer));
  const below: Layer[] = [];
  for (const [i, open] of layers.entries()) {
    const layer = await open(place, [...below]);
    if (layer.digest !== manifest.layers[i]?.digest) throw notPlain(blobs);
    below.push(layer);
  }
  for (const part of [manifest.config, chosen]) {
    const content = await blobs.open(part);
    await putBlob(place.store, contentBytes(content, contentLength(content)), part.mediaType);
  }
  return below.reduce((sum, layer) => sum + layer.bytes, 0);
}

function notPlain({ name }: ForeignBlobs): KilnError {
  return new KilnError(
    "image_invalid",
    `The layers of ${name} are compressed; expected an image that Kiln has pushed.`,
    {
      hint: `Use it as a base: write \`from: ${name}\` in kiln.yaml. Copies by skopeo keep an image of Kiln as it is with --preserve-digests.`,
    },
  );
}
