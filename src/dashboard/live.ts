import { computed, signal } from "@preact/signals";
import type { StreamBeat } from "../api/contract/contract.ts";
import type { Answer } from "../api/contract/types.ts";

/** Without a beat for so long, what is shown counts as old. Beats come every 10 s. */
export const staleMs = 25_000;
const againMs = 3_000;

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

export type Heard = (event: Answer<"events"> | undefined) => void;

/**
 * One stream of events for as long as the page can be seen. `heard` gets each event, and undefined when anything may have been
 * missed: at the beginning, with each beat, and after each gap.
 */
export function listen(heard: Heard): void {
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    clearTimeout(again);
    source?.close();
    source = undefined;
  };
  const open = () => {
    close();
    source = new EventSource("/v1/events?follow=true&newest=0");
    source.onopen = () => {
      line.value = { ...line.value, open: true, heardAtMs: Date.now() };
      heard(undefined);
    };
    source.onmessage = ({ data }) => {
      line.value = { ...line.value, open: true, heardAtMs: Date.now() };
      heard(JSON.parse(data));
    };
    source.addEventListener("beat", ({ data }) => {
      const { atMs } = JSON.parse(data) as StreamBeat;
      line.value = { open: true, heardAtMs: Date.now(), aheadMs: atMs - Date.now() };
      heard(undefined);
    });
    source.onerror = () => {
      line.value = { ...line.value, open: false };
      close();
      again = setTimeout(open, againMs);
    };
  };
  setInterval(() => {
    tick.value = Date.now();
  }, 1_000);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}
