import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeClock } from "../../../lib/time/fake-clock.ts";
import { eachInOrder } from "./each-in-order.ts";
import { type Dependent, orderOf } from "./order.ts";

const item = (name: string, ...after: string[]): Dependent => ({ name, after });
const names = (items: readonly Dependent[]) => items.map(({ name }) => name);

test("each comes after what it names, otherwise in the given order", () => {
  const { order, faults } = orderOf([
    item("web", "shop", "cache"),
    item("cache"),
    item("shop", "db"),
    item("db"),
  ]);
  expect(names(order)).toEqual(["db", "shop", "cache", "web"]);
  expect(faults).toEqual([]);
});

test("unknown names and cycles are found, each once", () => {
  expect(orderOf([item("web", "shp"), item("shop")]).faults).toEqual([
    { kind: "unknown", name: "web", index: 0 },
  ]);
  expect(orderOf([item("a", "b"), item("b", "x", "c"), item("c", "a")]).faults).toEqual([
    { kind: "unknown", name: "b", index: 0 },
    { kind: "cycle", name: "c", index: 0, cycle: ["a", "b", "c", "a"] },
  ]);
});

/** Services that may only come after those with smaller numbers, shuffled. */
const acyclic = fc
  .array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: 1, maxLength: 10 })
  .map((all) =>
    all.map((after, i) => item(`s${i}`, ...new Set(after.filter((n) => n < i).map((n) => `s${n}`)))),
  )
  .chain((items) => fc.shuffledSubarray(items, { minLength: items.length }));

test("whatever fails: nothing begins before what it comes after, and exactly what depends on a failure is skipped", async () => {
  const run = fc.asyncProperty(acyclic, fc.func(fc.boolean()), async (items, fails) => {
    const clock = new FakeClock();
    const { order, faults } = orderOf(items);
    expect(faults).toEqual([]);
    expect(order).toHaveLength(items.length);
    const ended = new Map<string, boolean>();
    interface Result {
      readonly name: string;
      readonly isDone: boolean;
      readonly skippedFor?: string;
    }
    const working = eachInOrder<Dependent, Result>(order, {
      work: async ({ name, after }) => {
        for (const other of after) expect(ended.get(other)).toBe(true);
        await clock.sleep(10);
        ended.set(name, !fails(name));
        return { name, isDone: !fails(name) };
      },
      skip: ({ name }, because) => ({ name, isDone: false, skippedFor: because.name }),
    });
    let results: Awaited<typeof working> | undefined;
    void working.then((all) => (results = all));
    while (results === undefined) await clock.advance(10);
    const byName = new Map(results.map((result) => [result.name, result]));
    for (const { name, after } of items) {
      const failed = after.filter((other) => byName.get(other)?.isDone === false);
      expect(byName.get(name)?.skippedFor !== undefined).toBe(failed.length > 0);
    }
  });
  await fc.assert(run, { numRuns: 100 });
});
