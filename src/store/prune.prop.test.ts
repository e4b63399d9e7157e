import fc from "fast-check";
import { expect, test } from "vitest";
import { askerName } from "../domain/access/actor.ts";
import { anAsker, aPolicy } from "../domain/testing.ts";
import type { Store } from "./store.ts";
import { aDraft, aStore, begin, finish } from "./testing.ts";

type Step =
  | {
      readonly kind: "deploy";
      readonly outcome: "complete" | "rolled-back" | "failed" | "running";
      readonly warm: boolean;
    }
  | { readonly kind: "rollback" }
  | { readonly kind: "prune"; readonly keep: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("deploy" as const),
    outcome: fc.constantFrom(
      "complete" as const,
      "rolled-back" as const,
      "failed" as const,
      "running" as const,
    ),
    warm: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("rollback" as const) }),
  fc.record({ kind: fc.constant("prune" as const), keep: fc.integer({ min: 0, max: 4 }) }),
);

test("pruning keeps what may still be needed, and no more", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      using t = aStore();
      for (const [i, one] of steps.entries()) {
        if (one.kind === "prune") checkPrune(t.store, one.keep);
        else take(t.store, one, i);
      }
      checkPrune(t.store, 1);
      expect(t.store.log.check()).toBe(undefined);
    }),
    { numRuns: 40 },
  );
});

function checkPrune(store: Store, keep: number): void {
  if (store.desired("shop") === undefined) return;
  const before = store.releases("shop").map((release) => release.number);
  const needed = neededBy(store);
  const lastGood = store.lastGood("shop");
  const gone = store.pruneReleases("shop", keep);
  const after = store.releases("shop").map((release) => release.number);

  const newest = keep === 0 ? [] : before.slice(-keep);
  expect(after).toEqual(before.filter((number) => needed.has(number) || newest.includes(number)));
  expect([...gone, ...after].sort((a, b) => a - b)).toEqual(before);
  expect([store.lastGood("shop"), neededBy(store)]).toEqual([lastGood, needed]);
  expect(store.pruneReleases("shop", keep)).toEqual([]);
}

function neededBy(store: Store): ReadonlySet<number | undefined> {
  const desired = store.desired("shop");
  return new Set([
    desired?.serving,
    desired?.rollout?.from,
    desired?.rollout?.to,
    store.lastGood("shop"),
    ...(desired?.warm ?? []).map((warm) => warm.release),
  ]);
}

function take(store: Store, one: Exclude<Step, { kind: "prune" }>, i: number): void {
  const atMs = 10_000 + i;
  if (one.kind === "rollback") {
    const to = store.lastGood("shop");
    if (to === undefined) return;
    const steps = [{ share: 1, holdMs: 0 }];
    const back = {
      service: "shop",
      to,
      policy: aPolicy(),
      steps,
      by: anAsker("ada@example.com"),
      supersede: true,
    };
    finish(store, store.startRollback(back), "complete", { atMs });
    return;
  }
  const serving = store.desired("shop")?.serving;
  const { rollout } = begin(store, aDraft(i), { supersede: true });
  const warm = one.warm && serving !== undefined ? [{ release: serving, untilMs: atMs }] : [];
  if (one.outcome !== "running") finish(store, rollout, one.outcome, { atMs, warm });
}

test("the newest 100 rollouts are kept, and older ones only with the release that they led to", () => {
  using t = aStore();
  const ids = Array.from({ length: 115 }, (_, i) => {
    const { rollout } = begin(t.store, aDraft(i));
    finish(t.store, rollout, i < 2 ? "complete" : "failed", { atMs: i });
    return rollout.id;
  });
  t.store.pruneReleases("shop", 1);
  expect(t.store.releases("shop").map((release) => release.number)).toEqual([1, 2, 115]);
  const kept = [...ids.slice(0, 2), ...ids.slice(-100)];
  expect(t.store.rollouts("shop", 1_000).map((rollout) => rollout.id)).toEqual(kept.toReversed());
});

test("the release of a run, and its image, are kept until the run has ended", () => {
  using t = aStore();
  const { store } = t;
  for (let i = 1; i <= 4; i++) finish(store, begin(store, aDraft(i)).rollout, "complete", { atMs: i });
  const { image } = aDraft(1);
  const command = ["/app", "export"];
  const asked = { service: "shop", release: 1, command, deadlineMs: 60_000, keep: 10 };
  const run = store.askRun(asked, anAsker("ada@example.com"));
  expect(store.pruneReleases("shop", 1)).toEqual([2]);
  expect(store.imagesInUse().get(image)).toContain("shop release 1");
  const exit = { atMs: 9_000, exitCode: 0, reason: "exited with code 0 after 1 s", logTail: [] };
  const end = { ...exit, outcome: "succeeded" } as const;
  store.apply("shop", { kind: "run-ended", run, end, atMs: 9_000 }, "so it ended");
  expect(store.pruneReleases("shop", 1)).toEqual([1]);
});

test("a release that someone keeps stays with its image until they no longer keep it", () => {
  using t = aStore();
  const { store, clock } = t;
  for (let i = 1; i <= 4; i++) finish(store, begin(store, aDraft(i)).rollout, "complete", { atMs: i });
  clock.set(9_000);
  const ada = { ...anAsker("ada@example.com"), reason: "before the migration" };
  const keep = (release: number, kept: boolean) =>
    store.keepRelease({ service: "shop", release, keep: kept }, ada);
  expect([keep(1, true), keep(1, true), keep(2, false)]).toEqual([true, false, false]);
  expect(store.keptReleases("shop")).toEqual(
    new Map([[1, { atMs: 9_000, by: askerName(ada), reason: "before the migration" }]]),
  );
  expect(store.events({ newest: 1 })).toMatchObject([{ kind: "release.kept", data: { release: 1 } }]);
  expect(store.pruneReleases("shop", 1)).toEqual([2]);
  expect(store.imagesInUse().get(aDraft(1).image)).toEqual(["shop release 1"]);
  expect(keep(1, false)).toBe(true);
  expect(store.events({ newest: 1 })).toMatchObject([{ kind: "release.unkept", data: { release: 1 } }]);
  expect(store.pruneReleases("shop", 1)).toEqual([1]);
  expect(() => keep(1, true)).toThrow("shop has no release 1, or it was pruned.");
});
