import type { Clock } from "../../lib/time/clock.ts";

/** Keys that want attention: each is worked on by one at a time, and again when it was added meanwhile. */
export interface Queue {
  add(key: string): void;
  /** Adds the key at a time (Unix time in ms); the earliest of several wins. */
  addAt(key: string, atMs: number): void;
  /** Takes no more work; resolves when what is running has ended. */
  close(): Promise<void>;
}

export interface QueueOptions {
  readonly clock: Clock;
  /** Must not throw: what fails is its own to handle. */
  readonly work: (key: string, signal: AbortSignal) => Promise<void>;
  /** Keys worked on at the same time. */
  readonly parallel: number;
}

export function createQueue(options: QueueOptions): Queue {
  const { clock, work, parallel } = options;
  const closing = new AbortController();
  const waiting = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const timers = new Map<string, { readonly dueMs: number; readonly stop: AbortController }>();

  function add(key: string): void {
    if (closing.signal.aborted) return;
    waiting.add(key);
    pump();
  }

  function pump(): void {
    for (const key of waiting) {
      if (running.size >= parallel) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      running.set(key, run(key));
    }
  }

  async function run(key: string): Promise<void> {
    await work(key, closing.signal);
    running.delete(key);
    pump();
  }

  function addAt(key: string, atMs: number): void {
    const known = timers.get(key);
    const waitMs = Math.max(0, atMs - clock.now());
    const dueMs = clock.elapsed() + waitMs;
    if (closing.signal.aborted || (known !== undefined && known.dueMs <= dueMs)) return;
    known?.stop.abort();
    const stop = new AbortController();
    timers.set(key, { dueMs, stop });
    clock.sleep(waitMs, stop.signal).then(
      () => {
        timers.delete(key);
        add(key);
      },
      () => {}, // stopped: an earlier time, or closing
    );
  }

  async function close(): Promise<void> {
    closing.abort();
    waiting.clear();
    for (const timer of timers.values()) timer.stop.abort();
    await Promise.all(running.values());
  }

  return { add, addAt, close };
}
