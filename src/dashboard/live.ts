import { computed, signal } from "@preact/signals";
import { listen } from "./stream.ts";

/** Without a beat for so long, what is shown counts as old. Beats come every 10 s. */
export const staleMs = 25_000;

/** What is known of the connection. Moments are of the browser's clock. */
export interface Line {
  readonly open: boolean;
  readonly heardAtMs: number;
  /** How far the controller's machine is ahead of the browser. */
  readonly aheadMs: number;
}

export type Liveness = "live" | "connecting" | "stale";

export function livenessOf({ open, heardAtMs }: Line, nowMs: number): Liveness {
  if (nowMs - heardAtMs >= staleMs) return "stale";
  return open ? "live" : "connecting";
}

const line = signal<Line>({ open: false, heardAtMs: Date.now(), aheadMs: 0 });
const tick = signal(Date.now());

export const liveness = computed(() => livenessOf(line.value, tick.value));
/** The time by the controller's machine, from second to second. */
export const now = computed(() => tick.value + line.value.aheadMs);
/** When something was last heard, by the controller's machine. */
export const heardAt = computed(() => line.value.heardAtMs + line.value.aheadMs);

/**
 * Keeps the clock by what is heard of the controller. `changed` gets the service of each event, and undefined when anything may
 * have been missed: at the beginning, with each beat, and after each gap.
 */
export function follow(changed: (service: string | undefined) => void): void {
  setInterval(() => {
    tick.value = Date.now();
  }, 1_000);
  listen((news) => {
    const heardAtMs = Date.now();
    const { aheadMs } = line.value;
    if (news.kind === "lost") {
      line.value = { ...line.value, open: false };
      return;
    }
    line.value = { open: true, heardAtMs, aheadMs: news.kind === "beat" ? news.atMs - heardAtMs : aheadMs };
    changed(news.kind === "event" ? news.event.service : undefined);
  });
}
