import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { Routine } from "./routine.ts";

/** A routine whose turns return these pauses, one after the other; a turn for which there is none throws. */
function routineOf(pauses: (number | undefined)[]) {
  const clock = new FakeClock();
  const atMs: number[] = [];
  const failures: unknown[] = [];
  const routine = new Routine({
    clock,
    turn: async () => {
      atMs.push(clock.elapsed());
      if (pauses.length === 0) throw new Error("no pause");
      return pauses.shift();
    },
    failed: (error) => failures.push(error),
    retryMs: 50,
  });
  return { clock, atMs, failures, routine };
}

test("a turn follows when the one before has said so, until one says that nothing is due any more", async () => {
  const { clock, atMs, routine } = routineOf([10, 5_000_000, 7, undefined]);
  await clock.advance(10_000_000);
  expect(atMs).toEqual([0, 10, 3_600_010, 3_600_017]);
  await routine.end();
});

test("it can be woken from any sleep, and during a turn, which another one follows", async () => {
  const { clock, atMs, routine } = routineOf([Number.POSITIVE_INFINITY, 100, 100]);
  await clock.advance(20);
  routine.wake();
  await clock.advance(30);
  routine.wake();
  await clock.advance(1);
  expect(atMs).toEqual([0, 20, 50]);
  await routine.end();
  let turns = 0;
  const busy: Routine = new Routine({
    clock,
    turn: async () => {
      turns += 1;
      await Promise.resolve();
      if (turns === 1) busy.wake();
      return Number.POSITIVE_INFINITY;
    },
    failed: () => {},
    retryMs: 1,
  });
  await clock.advance(0);
  await clock.advance(0);
  expect(turns).toBe(2);
  await busy.end();
});

test("a turn that fails is repeated after its pause and no sooner, and the end comes at once", async () => {
  const { clock, atMs, failures, routine } = routineOf([]);
  await clock.advance(10);
  routine.wake();
  await clock.advance(45);
  expect(atMs).toEqual([0, 50]);
  expect(failures).toHaveLength(2);
  await routine.end();
  expect(clock.sleepers).toBe(0);
});
