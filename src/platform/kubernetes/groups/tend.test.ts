import { expect, test } from "vitest";
import { key } from "../objects/names.ts";
import { at, bornMs, pod, replicaSet, view } from "../view/testing.ts";
import { choresOf } from "./tend.ts";

const later = (seconds: number) => bornMs + seconds * 1000;
const drained = (seconds: number, member = true) => ({
  labels: { [key.serving]: "no", ...(member ? {} : { [key.member]: undefined }) },
  annotations: { [key.drainedAt]: at(seconds) },
});
const names = (chores: ReturnType<typeof choresOf>) => {
  const lists: [string, readonly { readonly metadata: { readonly name: string } }[]][] =
    Object.entries(chores);
  return Object.fromEntries(lists.map(([what, list]) => [what, list.map((each) => each.metadata.name)]));
};
const nothing = {
  ...{ finished: [], leaving: [], empty: [], over: [], scaled: [], unprotected: [], late: [], ended: [] },
};

test("a group that serves leaves nothing to do", () => {
  expect(names(choresOf(view({ replicaSets: [replicaSet(1)], pods: [pod("a")] }), later(999)))).toEqual(
    nothing,
  );
});

test("a pod that was taken out of its group is deleted once its connections have had their time", () => {
  const pods = [pod("a", drained(30, false)), pod("b")];
  expect(names(choresOf(view({ replicaSets: [replicaSet(1)], pods }), later(29)))).toEqual(nothing);
  expect(names(choresOf(view({ replicaSets: [replicaSet(1)], pods }), later(30)))).toEqual({
    ...nothing,
    finished: ["a"],
  });
});

test("a cluster whose clock is ahead gives connections the same time", () => {
  const pods = [pod("a", drained(90, false))];
  expect(choresOf(view({ pods, clockAheadMs: 60_000 }), later(29)).finished).toEqual([]);
  expect(choresOf(view({ pods, clockAheadMs: 60_000 }), later(30)).finished).toHaveLength(1);
});

test("a group that goes keeps its pods until the last one is drained, and itself until nothing can come of it", () => {
  const going = (pods: Parameters<typeof view>[0]["pods"], replicas: number, status = {}) =>
    names(
      choresOf(view({ replicaSets: [replicaSet(0, { replicas, ...status })], pods: pods ?? [] }), later(40)),
    );
  expect(going([pod("a"), pod("b", drained(30))], 2)).toEqual({ ...nothing, leaving: ["a"] });
  expect(going([pod("a", drained(50)), pod("b", drained(30))], 2)).toEqual(nothing);
  expect(going([pod("a", drained(30)), pod("b", { ready: false })], 2)).toMatchObject({ empty: ["shop-1"] });
  expect(going([pod("a", { deletionTimestamp: at(40) })], 0)).toEqual(nothing);
  expect(going([], 0, { observedGeneration: 1 })).toEqual(nothing);
  expect(going([], 0)).toEqual({ ...nothing, over: ["shop-1"] });
});

test("a pod is given up when it runs without being ready for its deadline, and not while the cluster has not started it", () => {
  const waiting = { ready: false, container: { state: { waiting: { reason: "ContainerCreating" } } } };
  const pods = [pod("slow", { ready: false }), pod("unscheduled", waiting)];
  const late = (seconds: number) =>
    names(choresOf(view({ replicaSets: [replicaSet(2)], pods }), later(seconds))).late;
  expect(late(60)).toEqual([]);
  expect(late(61)).toEqual(["slow"]);
  expect(late(6000)).toEqual(["slow"]);
});

test("a number of pods that someone else has set is set back, but not while a group goes", () => {
  const scaled = (size: number) =>
    names(choresOf(view({ replicaSets: [replicaSet(size, { replicas: 9 })] }), later(1))).scaled;
  expect([scaled(2), scaled(9), scaled(0)]).toEqual([["shop-1"], [], []]);
});

test("a pod that its node has given up is deleted, and keeps no group from going", () => {
  const status = { phase: "Failed", reason: "Evicted" };
  const evicted = pod("a", { ready: false, status });
  const deleted = pod("b", { ready: false, status, deletionTimestamp: at(9) });
  const chores = (size: number) =>
    names(
      choresOf(
        view({ replicaSets: [replicaSet(size, { replicas: 1 })], pods: [evicted, deleted] }),
        later(999),
      ),
    );
  expect(chores(1)).toEqual({ ...nothing, ended: ["a"] });
  expect(chores(0)).toEqual({ ...nothing, ended: ["a"], empty: ["shop-1"] });
});
