import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { pacer } from "../../lib/time/pace.ts";
import { contentOf, subjectOf } from "../layers/parts.ts";
import { type ImageStore, imageStore, readConfig, readDescriptors, readManifest } from "./image-store.ts";
import { definedOf, foreignConfig } from "./oci-schema.ts";
import { annotations, type Descriptor, mediaTypes, type ProcessConfig } from "./oci-types.ts";

/** What an image has, from its manifest and its configuration. */
export interface ImageDescription {
  readonly digest: string;
  readonly os: string;
  readonly architecture: string;
  /** Bottom layer first; bytes as stored. */
  readonly layers: readonly {
    readonly digest: string;
    readonly bytes: number;
    readonly name: string | undefined;
  }[];
  readonly process: ProcessConfig;
  readonly annotations: Readonly<Record<string, string>>;
  /** What refers to it as its subject, such as a signature. */
  readonly attached: readonly { readonly digest: string; readonly type: string }[];
}

/** Throws `image_unknown`, `image_invalid`. */
export async function describeImage(state: StateFolder, digest: string): Promise<ImageDescription> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  const { data: config } = foreignConfig.safeParse(readConfig(store, manifest));
  if (config === undefined) {
    throw new KilnError("image_invalid", `${digest} is not an image that servers can be made from.`, {
      hint: "It may be a signature or something else that is attached to an image. `kiln images` lists the images.",
    });
  }
  const referrers = await referrersOf(store, digest);
  return {
    digest,
    os: config.os,
    architecture: config.architecture,
    layers: manifest.layers.map(({ digest: layer, size, annotations: notes }) => {
      return { digest: layer, bytes: size, name: notes?.[annotations.layerName] };
    }),
    process: config.config ? definedOf(config.config) : {},
    annotations: manifest.annotations ?? {},
    attached: referrers.map(({ digest: own, artifactType = "" }) => ({ digest: own, type: artifactType })),
  };
}

type Referrer = Descriptor & { readonly artifactType?: string };

/**
 * Descriptors of everything in the index whose subject is this digest, each once, as the distribution specification wants them
 * ("Listing Referrers"): with the type of the artifact and its annotations.
 */
export async function referrersOf(store: ImageStore, digest: string): Promise<readonly Referrer[]> {
  const pace = pacer();
  const found = new Map<string, Referrer>();
  for (const one of await readDescriptors(store)) {
    const wait = pace();
    if (wait) await wait;
    if (one.digest !== digest && subjectOf(store, one) === digest)
      found.set(one.digest, referrer(store, one));
  }
  return [...found.values()];
}

function referrer(store: ImageStore, { digest, size }: Descriptor): Referrer {
  const content = contentOf(store, digest);
  const config = content && "config" in content ? content.config.mediaType : undefined;
  const artifactType = content?.artifactType ?? config;
  return {
    ...{ mediaType: content?.mediaType ?? mediaTypes.manifest, digest, size },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(content?.annotations ? { annotations: content.annotations } : {}),
  };
}
