import type { LogEntry } from "./entry.ts";

/** A controller writes a checkpoint after so many events, or so long after the first that it does not cover. */
export const checkpointAfter = { events: 1_000, ms: 3_600_000 };
/** It checks every ten seconds whether one is due: how many events a busy machine may add meanwhile. */
const patience = { events: 500, ms: 10 * 60_000 };

/** The first and the last of a range of entries that should contain a checkpoint. */
export interface Overdue {
  readonly from: number;
  readonly to: number;
}

/** Finds a gap in a series of checkpoints: one that was removed, or was never written. */
export class Cadence {
  readonly #holes: Overdue[] = [];
  #first: LogEntry | undefined;
  #last: LogEntry | undefined;
  #isLate = false;

  add(entry: LogEntry): void {
    if (entry.kind === "audit.checkpoint") {
      this.#close();
      return;
    }
    this.#first ??= entry;
    this.#last = entry;
    const events = entry.sequence - this.#first.sequence + 1;
    const ms = entry.at_ms - this.#first.at_ms;
    this.#isLate ||=
      events > checkpointAfter.events + patience.events || ms > checkpointAfter.ms + patience.ms;
  }

  /** Call it after the last entry. */
  end(): readonly Overdue[] {
    this.#close();
    return this.#holes;
  }

  #close(): void {
    if (this.#isLate && this.#first !== undefined && this.#last !== undefined)
      this.#holes.push({ from: this.#first.sequence, to: this.#last.sequence });
    this.#first = undefined;
    this.#isLate = false;
  }
}
