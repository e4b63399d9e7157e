import type { Call } from "../contract/call.ts";
import type { Taint } from "../contract/evidence.ts";

/** What every suite needs of its subject. */
export interface ConformanceSubject {
  /** Lets some time pass: real time, or that of a fake clock. */
  pause(ms: number): Promise<void>;
  /** Removes everything the test made. */
  cleanup(): Promise<void>;
}

const stepMs = 20;
const limitMs = 180_000;

/** What a server is put in quarantine for. */
export const taint: Taint = {
  kind: "process",
  subject: "pid 4711",
  detail: "an unknown process runs in it",
  atMs: 1,
  who: undefined,
  seenBy: "scan",
};

/** A call that is never cancelled. */
export const call: Call = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY };

/** Waits until `look` returns something; throws, with `what` was waited for, when that takes too long. */
export async function eventually<T>(
  subject: ConformanceSubject,
  what: string,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  for (let waitedMs = 0; waitedMs <= limitMs; waitedMs += stepMs) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await subject.pause(stepMs);
  }
  throw new Error(`Waited in vain: ${what}`);
}
