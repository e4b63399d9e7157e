import { KilnError } from "../errors.ts";

/** What the work brings. It ends with the signal, also where the work does not heed that: throws `timed_out`. */
export async function endingBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(new KilnError("timed_out", "It did not answer in time."));
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    return await Promise.race([work, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
