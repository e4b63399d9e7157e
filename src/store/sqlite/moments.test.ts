import { expect, test } from "vitest";
import { aFinding, anAsker } from "../../domain/testing.ts";
import { aDraft, aStore, begin, finish } from "../testing.ts";

test("what runs is moved along with the clock, what is over stays as it was recorded", () => {
  using it = aStore();
  const { store, clock } = it;
  finish(store, begin(store, aDraft(1)).rollout, "complete", { atMs: 2_000 });
  const { rollout } = begin(store, aDraft(2));
  store.apply("shop", { kind: "moved", rollout: rollout.id, atMs: 5_000 }, "so it is");
  clock.set(9_000);
  store.taint({ service: "shop", finding: aFinding(), response: "replace", take: true, why: undefined });
  store.moveMoments(500, "The clock was set forward");
  expect(store.desired("shop")).toMatchObject({
    rollout: {
      startedAtMs: rollout.startedAtMs + 500,
      progressAtMs: rollout.progressAtMs + 500,
      judgedFromMs: rollout.judgedFromMs + 500,
      movedAtMs: 5_500,
    },
    taints: [{ taintedAtMs: 9_500, takenAtMs: 9_500, finding: { atMs: aFinding().atMs + 500 } }],
  });
  expect(store.rollouts("shop")[1]).toMatchObject({ endedAtMs: 2_000 });
  expect(store.events({ newest: 1 })).toMatchObject([{ kind: "clock.stepped", data: { byMs: 500 } }]);
});

test("the latest moment that something running counts from is found; when nothing runs there is none", () => {
  using it = aStore();
  const { store, clock } = it;
  expect(store.latestMoment()).toBeUndefined();
  const { rollout } = begin(store, aDraft(1));
  store.apply("shop", { kind: "moved", rollout: rollout.id, atMs: 5_000 }, "so it is");
  expect(store.latestMoment()).toBe(5_000);
  finish(store, rollout, "complete", { atMs: 6_000 });
  expect(store.latestMoment()).toBeUndefined();
  clock.set(9_000);
  store.taint({ service: "shop", finding: aFinding(), response: "replace", take: true, why: undefined });
  expect(store.latestMoment()).toBe(9_000);
});

test("a run of a job counts from its start until it has ended", () => {
  using it = aStore();
  const { store } = it;
  finish(store, begin(store, aDraft(1)).rollout, "complete", { atMs: 2_000 });
  const command = ["/app", "export"];
  const asked = { service: "shop", release: 1, command, deadlineMs: 60_000, keep: 10 };
  const run = store.askRun(asked, anAsker());
  expect(store.latestMoment()).toBeUndefined();
  store.apply("shop", { kind: "run-begun", run, atMs: 7_000 }, "so it is");
  expect(store.latestMoment()).toBe(7_000);
  const exit = { atMs: 8_000, exitCode: 0, reason: "exited with code 0 after 1 s", logTail: [] };
  const end = { ...exit, outcome: "succeeded" } as const;
  store.apply("shop", { kind: "run-ended", run, end, atMs: 8_000 }, "so it ended");
  expect(store.latestMoment()).toBeUndefined();
});
