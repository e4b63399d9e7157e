import type { Entry } from "./entry.ts";

/** A controller writes a checkpoint after so many events, or so long after the first that it does not cover. */
export const checkpointAfter = { events: 1_000, ms: 3_600_000 };
/** It looks every ten seconds whether one is due: what may come meanwhile on a busy machine. */
const patience = { events: 500, ms: 10 * 60_000 };

/** Entries that should have had a checkpoint among them: the first and the last. */
export interface Overdue {
  readonly from: number;
  readonly to: number;
}

/** Says where a series of checkpoints has a hole: one that was taken away, or was never written. */
export class Cadence {
  readonly #holes: Overdue[] = [];
  #first: Entry | undefined;
  #last: Entry | undefined;
  #isLate = false;

  add(entry: Entry): void {
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
