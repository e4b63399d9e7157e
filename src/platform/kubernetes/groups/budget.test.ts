import { expect, test } from "vitest";
import { budgetObject } from "../objects/objects.ts";
import { budgetSchema } from "../view/answers.ts";
import { at, replicaSet, view } from "../view/testing.ts";
import { markOf, unprotected } from "./budget.ts";

const set = replicaSet(2);
const made = budgetObject(markOf(set), 31) as {
  readonly metadata: object;
  readonly spec: { readonly selector: object };
};
const found = (spec: object = {}, metadata: object = {}) =>
  budgetSchema.parse({
    metadata: { uid: "u", resourceVersion: "1", creationTimestamp: at(0), ...made.metadata, ...metadata },
    spec: { ...made.spec, ...spec },
  });
const lacking = (budgets: Parameters<typeof view>[0]["budgets"], sets = [set]) =>
  unprotected(view({ replicaSets: sets, budgets })).map(({ metadata }) => metadata.name);

test("a budget as Kiln has made it is left alone, whatever the cluster adds", () => {
  expect(lacking([found()])).toEqual([]);
  expect(lacking([found({ unhealthyPodEvictionPolicy: "IfHealthyBudget" })])).toEqual([]);
});

test.each([
  ["deleted", []],
  ["on its way out", [found({}, { deletionTimestamp: at(9) })]],
  ["of another group", [found({}, { name: "shop-2" })]],
  ["looser", [found({ maxUnavailable: "100%" })]],
  ["turned around", [found({ maxUnavailable: undefined, minAvailable: 0 })]],
  ["about other pods", [found({ selector: { matchLabels: { app: "other" } } })]],
  [
    "about fewer pods",
    [found({ selector: { ...made.spec.selector, matchExpressions: [{ key: "a", operator: "Exists" }] } })],
  ],
])("one that is %s is made again", (_, budgets) => {
  expect(lacking(budgets)).toEqual(["shop-1"]);
});

test("none is made for a group that goes, nor where Kiln may not look", () => {
  expect(lacking([], [replicaSet(0)])).toEqual([]);
  expect(lacking(undefined)).toEqual([]);
});
