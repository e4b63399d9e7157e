import { clauseOf } from "../../lib/errors.ts";
import type { Call } from "../contract/call.ts";

/** For each part: an engine that waits for a node that is gone may not answer at all. */
const partMs = 15_000;

/** Reads evidence part by part: one that cannot be read is named, and the others are kept all the same. */
export class EvidenceParts {
  readonly missing: string[] = [];
  readonly #call: Call;
  readonly #partMs: number;

  constructor(call: Call, limitMs = partMs) {
    this.#call = call;
    this.#partMs = limitMs;
  }

  /** Throws only when the whole call is cancelled. What `work` has kept of the part by then stays. */
  async read(name: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const late = AbortSignal.timeout(this.#partMs);
    let fault: unknown;
    try {
      await work(AbortSignal.any([this.#call.signal, late]));
    } catch (error) {
      this.#call.signal.throwIfAborted();
      fault = error;
    }
    if (late.aborted) this.missing.push(`${name}: no answer within ${this.#partMs / 1000} s`);
    else if (fault !== undefined) this.missing.push(`${name}: ${clauseOf(fault)}`);
  }
}
