import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { readLockedBase, writeLockedBase } from "../lock-file.ts";

/** The digests of bases that kiln.lock pins. */
export interface LockedBases {
  /** The pinned digest of this reference; without one, or when the lock is being updated, what `resolve` finds is pinned. */
  pin(reference: string, resolve: () => Promise<string>): Promise<string>;
}

/** Throws `lock_invalid`, and what `resolve` throws. `writerLock` keeps two builds from writing at once. */
export function lockedBases(how: {
  readonly lockFile: string;
  readonly updateLock: boolean;
  readonly writerLock: string;
  readonly signal: AbortSignal;
}): LockedBases {
  const { lockFile, updateLock, writerLock, signal } = how;
  return {
    async pin(reference, resolve) {
      // a lock that cannot be read must fail before the work, not after it
      const pinned = await readLockedBase(lockFile, reference);
      if (pinned !== undefined && !updateLock) return pinned;
      const digest = await resolve();
      if (digest === pinned) return digest;
      mkdirSync(dirname(writerLock), { recursive: true, mode: 0o700 });
      await withFileLock(writerLock, () => writeLockedBase(lockFile, reference, digest), { signal });
      return digest;
    },
  };
}
