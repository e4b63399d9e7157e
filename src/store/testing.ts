import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { draftOf, type Release, type ReleaseDraft } from "../domain/rollout/release.ts";
import type { Rollout, TraceContext, WarmRelease } from "../domain/rollout/rollout.ts";
import { anAsker, aPolicy, aRelease } from "../domain/testing.ts";
import { memoryFolder } from "../lib/testing.ts";
import type { Clock } from "../lib/time/clock.ts";
import { openStore, type Store } from "./store.ts";

/** A clock that stands still until a test sets it. */
export interface TestClock extends Clock {
  set(atMs: number): void;
}

export function aClock(startMs = 1_000): TestClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    elapsed: () => nowMs,
    set: (atMs) => {
      nowMs = atMs;
    },
    sleep: () => Promise.reject(new Error("the store does not sleep")),
  };
}

/** A path for a database in a folder of its own, which goes with it; on a disk for what measures how long it is waited for. */
export function aDatabasePath(on: "memory" | "disk" = "memory"): Disposable & { readonly path: string } {
  const prefix = "kiln-store-";
  const folder = on === "memory" ? memoryFolder(prefix) : mkdtempSync(join(tmpdir(), prefix));
  return {
    path: join(folder, "kiln.db"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

let blank: Buffer | undefined;

/** Writes an empty database of the present version to `path`: made once, and copied from then on. */
export function writeBlankDatabase(path: string): void {
  if (blank === undefined) {
    using file = aDatabasePath();
    openStore(file.path, { clock: aClock() }).close();
    blank = readFileSync(file.path);
  }
  writeFileSync(path, blank, { mode: 0o600 });
}

/** An empty store in a temporary folder, closed and deleted with it. */
export function aStore(): Disposable & { readonly store: Store; readonly clock: TestClock } {
  const file = aDatabasePath();
  const clock = aClock();
  writeBlankDatabase(file.path);
  const store = openStore(file.path, { clock });
  return {
    store,
    clock,
    [Symbol.dispose]: () => {
      store.close();
      file[Symbol.dispose]();
    },
  };
}

/** A draft that is equal for equal numbers only. */
export function aDraft(number: number, overrides: Partial<ReleaseDraft> = {}): ReleaseDraft {
  return { ...draftOf(aRelease(number)), ...overrides };
}

/** Starts a deploy of a draft and leaves it running. */
export function begin(
  store: Store,
  draft: ReleaseDraft,
  options: { service?: string; supersede?: boolean; target?: string; trace?: TraceContext } = {},
) {
  const { service = "shop", supersede = false, target, trace } = options;
  const release: Release = store.draftRelease(service, draft, "ada@example.com");
  const rollout = store.startDeploy({
    release,
    target,
    count: 3,
    policy: aPolicy(),
    steps: [{ share: 1, holdMs: 0 }],
    by: anAsker("ada@example.com"),
    ...{ supersede, trace },
  });
  return { release, rollout };
}

/** Ends a rollout as the planner would. */
export function finish(
  store: Store,
  rollout: Rollout,
  phase: "complete" | "rolled-back" | "failed",
  options: { warm?: readonly WarmRelease[]; atMs?: number } = {},
): void {
  const { warm = [], atMs = 2_000 } = options;
  const serving = phase === "complete" ? rollout.to : rollout.from;
  if (phase === "rolled-back" && store.rollout(rollout.id)?.phase === "forward") {
    store.apply(rollout.service, { kind: "turn-back", rollout: rollout.id, atMs }, "it failed");
  }
  store.apply(
    rollout.service,
    { kind: "end", rollout: rollout.id, phase, serving, warm, atMs },
    "so it ended",
  );
}

/** Deploys a draft to its end. */
export function deployed(store: Store, draft: ReleaseDraft, service = "shop"): Rollout {
  const { rollout } = begin(store, draft, { service });
  finish(store, rollout, "complete", { atMs: 2_000 + rollout.id });
  return rollout;
}
