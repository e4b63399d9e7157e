import { setImmediate as breathe } from "node:timers/promises";
import { KilnError } from "../lib/errors.ts";
import { ChainCheck, type Finding } from "./chain-check.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Mark } from "./entry.ts";
import { KeyRing } from "./key-ring.ts";
import { readEntries } from "./read-entries.ts";

/** What a replay of the whole log has shown. */
export interface LogReport {
  /** The newest entry that was found right. */
  readonly last: Mark;
  /** Up to this entry a signed checkpoint vouches for it; 0 when none does. */
  readonly signed: number;
  /** Ids of the keys whose signatures counted. */
  readonly keys: readonly string[];
  /** Undefined when the log is what was written. */
  readonly finding: Finding | undefined;
}

export interface VerifyOptions {
  readonly checkpoints: readonly Checkpoint[];
  /** Public keys in PEM; the first that the log announces counts when there are none. */
  readonly trusted: readonly string[];
  readonly signal: AbortSignal;
}

/** Between looks at whether somebody wants it to end. */
const entriesAtOnce = 10_000;

/** Replays the log in a state database from its first entry, in bounded memory. Throws the signal's reason. */
export async function verifyLog(path: string, options: VerifyOptions): Promise<LogReport> {
  const keys = new KeyRing(options.trusted);
  const check = new ChainCheck({ keys, checkpoints: options.checkpoints });
  const finding = await firstFinding(path, check, options.signal);
  return { last: check.last, signed: check.signed, keys: keys.ids, finding };
}

async function firstFinding(
  path: string,
  check: ChainCheck,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  try {
    for (const entry of readEntries(path)) {
      const finding = check.add(entry);
      if (finding !== undefined) return finding;
      if (entry.sequence % entriesAtOnce === 0) await breathe(undefined, { signal });
    }
    return check.end();
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "state_corrupt") throw error;
    return { sequence: check.last.sequence + 1, message: error.message };
  }
}
