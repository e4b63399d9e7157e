import type { Clock } from "./clock.ts";

/** Looks often at first: most things end within milliseconds. False when the time is over. */
export async function waitUntil(
  clock: Clock,
  withinMs: number,
  condition: () => boolean,
  signal?: AbortSignal,
): Promise<boolean> {
  const startMs = clock.elapsed();
  for (let pauseMs = 1; !condition(); pauseMs = Math.min(pauseMs * 2, 25)) {
    const leftMs = startMs + withinMs - clock.elapsed();
    if (leftMs <= 0) return false;
    await clock.sleep(Math.min(pauseMs, leftMs), signal);
  }
  return true;
}
