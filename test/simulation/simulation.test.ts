import { expect, test, vi } from "vitest";
import { replay } from "./many.ts";
import { simulate } from "./simulation.ts";

vi.setConfig({ testTimeout: 180_000 }); // nothing but work for a processor, which others may have

test("the invariants hold over a dozen faulty worlds", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { found } = await simulate({ seed });
    expect(found && `${found.rule}: ${found.words}`, replay(seed)).toBeUndefined();
  }
});

test("a seed is a run: the same one takes the same course", async () => {
  const first = await simulate({ seed: 7, traced: true });
  expect(first.trace.length).toBeGreaterThan(100);
  expect((await simulate({ seed: 7, traced: true })).trace).toEqual(first.trace);
  expect((await simulate({ seed: 8, traced: true })).trace).not.toEqual(first.trace);
});
