import { expect, test } from "vitest";
import { replay } from "./many/many.ts";
import { simulate } from "./simulation.ts";
import { worldNames } from "./world.ts";

test("the invariants hold over a few faulty machines with a fleet, and as many faulty engines", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { found } = await simulate({ seed });
    expect(found && `${found.rule}: ${found.words}`, replay(seed)).toBeUndefined();
  }
});

test.each(worldNames)("a seed is a run: the same one takes the same course on the %s", async (on) => {
  const first = await simulate({ seed: 7, on, traced: true });
  expect(first.world).toBe(on);
  expect(first.trace.length).toBeGreaterThan(100);
  expect((await simulate({ seed: 7, on, traced: true })).trace).toEqual(first.trace);
  expect((await simulate({ seed: 8, on, traced: true })).trace).not.toEqual(first.trace);
});
