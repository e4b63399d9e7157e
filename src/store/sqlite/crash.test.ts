import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { systemClock } from "../../lib/time/clock.ts";
import { openStore, type Store } from "../store.ts";
import { aDatabasePath } from "../testing.ts";

const writer = new URL("crash-writer.ts", import.meta.url).pathname;

test("kill -9 in the middle of writes leaves whole changes, each with its event", {
  timeout: 120_000,
}, async () => {
  using file = aDatabasePath();
  for (const rounds of [1, 2, 5, 9, 14]) {
    await killedAfter(file.path, rounds);
    using store = openStore(file.path, { clock: systemClock });
    expect(store.log.check()).toBe(undefined);
    expect(stateOf(store)).toEqual(stateByEvents(store));
  }
});

/** Starts the writer, and kills it as soon as it has told of so many rounds: then it is amid the next one. */
async function killedAfter(path: string, rounds: number): Promise<void> {
  const child = spawn(process.execPath, [writer, path], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await linesOf(child, rounds);
  child.kill("SIGKILL");
  expect(await exited).toEqual([null, "SIGKILL"]);
}

async function linesOf(child: ChildProcess, count: number): Promise<void> {
  let seen = 0;
  for await (const _line of createInterface({ input: child.stdout ?? process.stdin })) {
    seen += 1;
    if (seen === count) return;
  }
}

function stateOf(store: Store) {
  const desired = store.desired("shop");
  return {
    count: desired?.count,
    serving: desired?.serving,
    running: desired?.rollout?.id,
    phase: desired?.rollout?.phase,
    releases: [...(desired?.releases.keys() ?? [])],
  };
}

/** The same, told by the events alone: a change without its event, or the reverse, makes a difference. */
function stateByEvents(store: Store): ReturnType<typeof stateOf> {
  let state: ReturnType<typeof stateOf> = {
    ...{ count: 3, serving: undefined, running: undefined, phase: undefined, releases: [] },
  };
  for (const { kind, data } of store.events({ limit: 1_000_000 })) {
    const d = data as { to: number; release: number; releases: number[]; rollout: number; phase: "back" };
    if (kind === "service.scaled") state = { ...state, count: d.to };
    if (kind === "release.created") state = { ...state, releases: [...state.releases, d.release] };
    if (kind === "release.pruned") {
      state = { ...state, releases: state.releases.filter((r) => !d.releases.includes(r)) };
    }
    if (kind === "rollout.started") state = { ...state, running: d.rollout, phase: "forward" };
    if (kind === "rollout.turned-back") state = { ...state, phase: d.phase };
    if (["rollout.completed", "rollout.rolled-back", "rollout.superseded"].includes(kind)) {
      state = { ...state, running: undefined, phase: undefined };
    }
    if (kind === "rollout.completed") state = { ...state, serving: d.to };
  }
  return state;
}
