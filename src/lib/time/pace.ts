import { setImmediate as nextTurn } from "node:timers/promises";
import { KilnError } from "../errors.ts";

/**
 * For long loops of synchronous work: `const wait = pace(); if (wait) await wait;` lets timers, sockets and Ctrl-C run
 * about every 5 ms, and throws `cancelled` once the signal has fired.
 */
export function pacer(signal?: AbortSignal): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (signal?.aborted) throw new KilnError("cancelled", "Cancelled.", { retry: true });
    if (performance.now() - since < 5) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
      if (signal?.aborted) throw new KilnError("cancelled", "Cancelled.", { retry: true });
    });
  };
}

export type Pace = ReturnType<typeof pacer>;
