import type { LockedPackage } from "../lock-file.ts";
import type { TarTree } from "../tar/entry.ts";

/** How packages become a tree: from their files and descriptions of what their scripts do, or by an installation. */
export type PackageEngine = "slim" | "full";

/** The request of a build to the packages module. */
export interface PackagesRequest {
  /** Debian suite of the base, e.g. `bookworm`. */
  readonly suite: string;
  /** Names, optionally `name=version`. */
  readonly packages: readonly string[];
  /** Lines in the one-line format of sources.list(5); empty: the machine's own sources. */
  readonly sources: readonly string[];
  /** Whether maintainer scripts run: `full`. */
  readonly engine: PackageEngine;
  /** Packages whose maintainer scripts the user has declared unneeded. */
  readonly skipScripts: readonly string[];
  /** Debian's name of the architecture, e.g. `amd64`. */
  readonly architecture: string;
  /** Absolute path of `kiln.lock`. Written when it lacks the service, or with `updateLock`; else only read. */
  readonly lockFile: string;
  readonly service: string;
  readonly updateLock: boolean;
  /** A folder that only the packages module uses; it may be deleted at any time. */
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  /** One sentence for people about the current step. */
  readonly progress: (message: string) => void;
  /** One sentence about the result, which stays on the screen. */
  readonly note: (message: string) => void;
}

/** A locked set of packages, not fetched yet. */
export interface LockedPackages {
  /** 64 hex digits: sha256 over the locked set and the version of the recipe that makes the tree from it. */
  readonly inputDigest: string;
  readonly packages: readonly LockedPackage[];
  /**
   * Fetches what is missing and assembles the layer: every path of it, parents included. The entries' contents may
   * be slices of files below `cacheFolder`; they stay unchanged until the process ends.
   */
  tree(): Promise<TarTree>;
}

/** `packagesTree` in `packages.ts` implements this. With an up-to-date lock it only reads the lock. */
export type PackagesTree = (request: PackagesRequest) => Promise<LockedPackages>;

/** For the person who builds, about keys that no image may have: paths, or folders for all below them. */
export function generatedNote(generated: readonly string[]): string {
  return `left out, because a package's script makes another one each time: ${generated.join(", ")}; each server has to make or get its own`;
}
