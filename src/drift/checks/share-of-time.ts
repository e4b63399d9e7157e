import type { Clock } from "../../lib/time/clock.ts";

export interface ShareOfTime {
  readonly clock: Clock;
  /** Of all time, the most that the work may take: 0.1 lets it rest nine times as long as it has just taken. */
  readonly share: number;
  /** Ends all waiting; what was asked for and has not begun is not done then. */
  readonly signal: AbortSignal;
  /** Called with what the work throws. */
  readonly failed: (error: unknown) => void;
}

/**
 * A way to ask for work as often as one likes. It begins at once when it has rested for long enough, otherwise as soon as
 * it has; a request while it is done has it done once more after that. So everyone who asks gets it, whole and begun
 * after they asked, but however often that is, it never takes more than its share of time.
 */
export function withinShare(work: () => Promise<void>, options: ShareOfTime): () => void {
  const { clock, share, signal, failed } = options;
  let asked = false;
  let running = false;

  async function run(): Promise<void> {
    while (asked && !signal.aborted) {
      asked = false;
      const startedMs = clock.elapsed();
      await work().catch(failed);
      const tookMs = clock.elapsed() - startedMs;
      await clock.sleep(tookMs * (1 / share - 1), signal).catch(() => {});
    }
    running = false;
  }

  return () => {
    asked = true;
    if (running) return;
    running = true;
    void run();
  };
}
