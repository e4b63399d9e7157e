import { setImmediate as breathe } from "node:timers/promises";
import { KilnError } from "../lib/errors.ts";
import { Cadence, type Overdue } from "./cadence.ts";
import { ChainCheck, type ChainFinding } from "./chain-check.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { KeyRing } from "./key-ring.ts";
import { readEntries } from "./read-entries.ts";
import { Replay, type Replayed } from "./replay.ts";

/** The result of a replay of the whole log. */
export interface LogReport extends Replayed {
  /** Signed checkpoints cover the log up to this entry; 0 without a checkpoint. */
  readonly signed: number;
  /** Ids of the trusted keys whose signatures were found. */
  readonly keys: readonly string[];
  /** The first finding that no one has accepted. */
  readonly finding: ChainFinding | undefined;
  /** Where the log ends. */
  readonly end: number;
  /** Where a checkpoint was due but is missing. */
  readonly overdue: readonly Overdue[];
}

export interface VerifyOptions {
  readonly checkpoints: readonly Checkpoint[];
  /** Public keys in PEM; without any, the first key in the log is trusted. */
  readonly trusted: readonly string[];
  readonly signal: AbortSignal;
}

/** How many entries to check between two checks of the signal. */
const entriesAtOnce = 10_000;

/** Replays the log in a state database from its first entry, in bounded memory. Throws the signal's reason. */
export async function verifyLog(path: string, options: VerifyOptions): Promise<LogReport> {
  const keys = new KeyRing(options.trusted);
  const check = new ChainCheck({ keys, checkpoints: options.checkpoints });
  const replay = new Replay(check);
  const cadence = new Cadence();
  await replayAll(path, replay, check, cadence, options.signal);
  const replayed = replay.end();
  const finding = replayed.open[0];
  return {
    ...replayed,
    signed: check.signed,
    keys: keys.ids,
    finding,
    end: check.last.sequence,
    overdue: cadence.end(),
  };
}

async function replayAll(
  path: string,
  replay: Replay,
  check: ChainCheck,
  cadence: Cadence,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const entry of readEntries(path)) {
      replay.add(entry);
      cadence.add(entry);
      if (entry.sequence % entriesAtOnce === 0) await breathe(undefined, { signal });
    }
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "state_corrupt") throw error;
    replay.note(check.unreadable(error.message));
  }
}
