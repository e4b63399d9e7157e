import type { ImageBase } from "../../domain/spec/image-spec.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { InputIndex } from "../layers/input-index.ts";
import type { Layer, LayerPlace } from "../layers/layers.ts";
import type { WalkOptions } from "../project/project-files.ts";
import type { ProcessConfig } from "../store/oci-types.ts";
import type { LockedBases } from "./locked-bases.ts";

/** The base of an image. */
export interface Base {
  /** Changes whenever the base's content does; cheap to find. */
  readonly identity: string;
  readonly process: ProcessConfig;
  /** Images that it was built on itself, by its manifest. Absent: it names none. */
  readonly bases?: readonly string[];
  /** Of images that others made: the digests of their layers when unpacked, in the order of `layers`. */
  readonly diffIds?: readonly string[];
  /** Each adds one layer to the image store, on top of the layers `below` it; bottom first. */
  readonly layers: readonly ((place: LayerPlace, below: readonly Layer[]) => Promise<Layer>)[];
}

/** What a source may use to open a base. */
export interface OpenCall {
  readonly place: LayerPlace;
  readonly index: InputIndex;
  readonly bases: LockedBases;
  /** The digest where a channel is now. Absent: channels cannot be looked up. */
  readonly channelDigest: ((service: string, name: string) => Promise<string>) | undefined;
  /** `image.args` of kiln.yaml: only a Dockerfile and a template of Packer have some. */
  readonly args: Readonly<Record<string, string>>;
  /** `image.network` of kiln.yaml: whether the steps of a build reach the internet. */
  readonly internet: boolean;
  /** How the project's files are read, for sources that use them. */
  readonly walk: WalkOptions;
  /** The caller's environment: where its credentials and proxies are. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** One sentence for people about the current step. */
  readonly progress: (text: string) => void;
  /** One sentence for people that stays. */
  readonly note: (text: string) => void;
}

/**
 * One kind of `image.from`: a file of this folder, and a line of `sources.ts`. The reader of kiln.yaml loads it too: what
 * only a build needs is imported by `open`.
 */
export interface Source<B extends ImageBase = ImageBase> {
  /** What kiln.yaml may say: the source of a regular expression for the whole text. */
  readonly pattern: string;
  /** For a text that the pattern matches; undefined: refused. */
  readonly parse: (text: string) => B | undefined;
  /** The remedy for a text that seems to mean this source and is not valid; undefined: it does not. */
  readonly hint: (text: string) => string | undefined;
  /** Its images may have a command of their own. */
  readonly bringsCommand: boolean;
  /** Debian packages can be added to it. */
  readonly takesPackages: boolean;
  /** It is built by steps, which `image.network` and `image.args` are about. */
  readonly runsSteps: boolean;
  readonly open: (base: B, call: OpenCall) => Promise<Base>;
}
