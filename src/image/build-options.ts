import type { ServiceSpec } from "../domain/spec/spec.ts";
import type { Checkout } from "../lib/process/git.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { FindPlace } from "./commands.ts";
import type { BuildEvent } from "./layers/build-report.ts";
import type { LockedPackages, PackagesTree } from "./packages/contract.ts";

/** How an image is built. */
export interface BuildOptions {
  readonly state: StateFolder;
  /** Absolute path of the folder that contains `kiln.lock`; git reports about this folder. */
  readonly projectFolder: string;
  /** Absolute path of the project's `kiln.yaml`, which is not part of its image; absent: the file of that name. */
  readonly specFile?: string;
  readonly updateLock: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (event: BuildEvent) => void;
  /** The place of a key of the spec in the user's file, for errors; absent: unknown. */
  readonly findPlace?: FindPlace;
  /** The caller's environment: where the credentials of registries and proxies are; absent: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The digest where a channel is now; absent: channels cannot be looked up. */
  readonly channelDigest?: (service: string, name: string) => Promise<string>;
  /** Called with what an image was made from, before it gets its version; not for an image that was made before. */
  readonly made?: (image: MadeImage) => Promise<void>;
  /** Resolves packages; the default is the real one. */
  readonly packages?: PackagesTree;
}

/** What an image was made from. */
export interface MadeImage {
  /** Of the image's manifest. */
  readonly digest: string;
  readonly spec: ServiceSpec;
  readonly projectFolder: string;
  /** 64 hex digits over everything that determines the image, the content of the project's files included. */
  readonly inputs: string;
  /** Images of others that it is built on: as kiln.yaml or the Dockerfile names them, with the digest of each. */
  readonly bases: readonly LockedBase[];
  readonly packages: LockedPackages | undefined;
  /** What git says of the project folder; undefined where it says nothing. */
  readonly checkout: Checkout | undefined;
  /** Unix time in ms. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** An image of others that an image is built on. */
export interface LockedBase {
  readonly name: string;
  readonly digest: string;
}
