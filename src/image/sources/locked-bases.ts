import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { readLockedBase, readLockedBuild, writeLockedBase, writeLockedBuild } from "../lock-file.ts";

/** The digests of bases that kiln.lock pins. */
export interface LockedBases {
  /** The pinned digest of this reference; without one, or when the lock is being updated, what `resolve` finds is pinned. */
  pin(reference: string, resolve: () => Promise<string>): Promise<string>;
  /** Builds, and pins the result to the inputs. The same inputs have to give the pinned result. */
  built(of: Built): Promise<void>;
}

/** What a program made that may not make the same again. */
export interface Built {
  readonly name: string;
  /** 64 hex digits over everything that decides the result, on any machine. */
  readonly inputs: string;
  /** The digest of the result that this machine has already; not asked when the lock is being updated. */
  readonly known: () => Promise<string | undefined>;
  readonly build: () => Promise<string>;
}

/** Throws `lock_invalid`, `lock_stale`, and what `resolve` and `build` throw. `writerLock` keeps two builds from writing at once. */
export function lockedBases(how: {
  readonly lockFile: string;
  readonly updateLock: boolean;
  readonly writerLock: string;
  readonly signal: AbortSignal;
}): LockedBases {
  const { lockFile, updateLock, writerLock, signal } = how;
  const write = async (change: () => Promise<void>) => {
    mkdirSync(dirname(writerLock), { recursive: true, mode: 0o700 });
    await withFileLock(writerLock, change, { signal });
  };
  return {
    async pin(reference, resolve) {
      // a lock that cannot be read must fail before the work, not after it
      const pinned = await readLockedBase(lockFile, reference);
      if (pinned !== undefined && !updateLock) return pinned;
      const digest = await resolve();
      if (digest === pinned) return digest;
      await write(() => writeLockedBase(lockFile, reference, digest));
      return digest;
    },
    async built({ name, inputs, known, build }) {
      const pinned = await readLockedBuild(lockFile, name);
      const image = (updateLock ? undefined : await known()) ?? (await build());
      if (pinned?.inputs === inputs && pinned.image === image) return;
      if (pinned?.inputs === inputs && !updateLock) throw differs(name, pinned.image, image);
      await write(() => writeLockedBuild(lockFile, name, { inputs, image }));
    },
  };
}

function differs(name: string, pinned: string, image: string): KilnError {
  return new KilnError(
    "lock_stale",
    `${name} made ${image} here, and kiln.lock pins ${pinned} for the same inputs.`,
    {
      hint: "`kiln build --update` pins the new one. To use the old one, push the image where it was built, and name it in `image.from`.",
    },
  );
}
