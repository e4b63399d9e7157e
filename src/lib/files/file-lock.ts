import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isErrno, KilnError } from "../errors.ts";
import { type Clock, systemClock } from "../time/clock.ts";

export interface FileLockOptions {
  readonly signal?: AbortSignal;
  /** How long to wait for another holder before `state_held` is thrown. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * Runs `work` while no other process, and no other call in this one, holds the lock of `path`. The lock is SQLite's
 * exclusive transaction on an empty database file: the kernel drops it when its holder dies, so a lock is never stale.
 * The file stays; removing it while in use would break the lock.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  options: FileLockOptions = {},
): Promise<T> {
  createPrivately(path);
  const database = new DatabaseSync(path);
  try {
    await acquire(database, path, options);
    return await work();
  } finally {
    database.close();
  }
}

/** Creates the file before SQLite would, whose mode depends on the umask. Never opens an existing file: that would drop this process's locks. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

async function acquire(database: DatabaseSync, path: string, options: FileLockOptions): Promise<void> {
  const clock = options.clock ?? systemClock;
  const giveUpAt = clock.elapsed() + (options.timeoutMs ?? 60_000);
  for (let waitMs = 2; !tryBegin(database); waitMs = Math.min(waitMs * 2, 100)) {
    if (options.signal?.aborted) throw new KilnError("cancelled", "Cancelled while waiting for a lock.");
    if (clock.elapsed() >= giveUpAt) {
      throw new KilnError("state_held", `Another process has held ${path} for too long.`, {
        hint: "Wait until the other kiln command has ended, then repeat this one.",
        retry: true,
      });
    }
    await clock.sleep(waitMs);
  }
}

/** Result code 5 is SQLITE_BUSY (https://sqlite.org/rescode.html#busy). */
function tryBegin(database: DatabaseSync): boolean {
  try {
    // Without a journal file: commands that free a full disk need a lock first.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === 5) return false;
    throw error;
  }
}
