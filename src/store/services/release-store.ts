import type { Asker } from "../../domain/access/actor.ts";
import type { ImageDigest, ServiceKey } from "../../domain/ids.ts";
import type { KeptRelease, Release, ReleaseDraft } from "../../domain/rollout/release.ts";
import { draftRelease } from "../rollouts/start.ts";
import type { Workbench } from "../workbench.ts";
import { selectContent } from "./contents.ts";
import { keepRelease, selectKept } from "./kept-releases.ts";
import { prune } from "./manage.ts";
import { selectImagesInUse, selectLastGood, selectReleases } from "./releases.ts";

/** Kept releases, and what they use. */
export interface ReleaseStore {
  /** The release that a deploy of this draft would go to. Records nothing. */
  draftRelease(service: ServiceKey, draft: ReleaseDraft, createdBy: string): Release;
  /** Those that are kept, oldest first. */
  releases(service: ServiceKey): readonly Release[];
  /** The release that served last before the present one and is not known to fail. */
  lastGood(service: ServiceKey): number | undefined;
  /**
   * Forgets all but the newest `keep` releases (10 without it), and old rollouts with them; never a release that someone keeps,
   * that serves, the last good one, a warm one or one of the running rollout. Returns the numbers that are gone.
   */
  pruneReleases(service: ServiceKey, keep?: number): readonly number[];
  /** Those that someone keeps, by their numbers. */
  keptReleases(service: ServiceKey): ReadonlyMap<number, KeptRelease>;
  /** Whether anything has changed. Throws `service_unknown`, `release_unknown`. */
  keepRelease(
    asked: { readonly service: ServiceKey; readonly release: number; readonly keep: boolean },
    by: Asker,
  ): boolean;
  /** Image digests that kept releases use, each with those releases in words. */
  imagesInUse(): ReadonlyMap<ImageDigest, readonly string[]>;
  /** Of a configuration file that a kept release has, by its digest. Throws `state_corrupt`. */
  content(digest: string): Uint8Array;
}

const keptReleases = 10;

export function releaseStore(bench: Workbench): ReleaseStore {
  const { db } = bench;
  return {
    draftRelease: (service, draft, createdBy) => draftRelease(bench, service, draft, createdBy),
    releases: (service) => selectReleases(db, service),
    lastGood: (service) => selectLastGood(db, service),
    pruneReleases: (service, keep = keptReleases) => db.transaction(() => prune(bench, service, keep)),
    keptReleases: (service) => selectKept(db, service),
    keepRelease: (asked, by) => db.transaction(() => keepRelease(bench, asked, by)),
    imagesInUse: () => selectImagesInUse(db),
    content: (digest) => selectContent(db, digest),
  };
}
