import { expect, test } from "vitest";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { withinShare } from "./share-of-time.ts";

/** Work that takes 100 ms, and may take a tenth of all time. */
function start(takesMs = 100) {
  const clock = new FakeClock();
  const ending = new AbortController();
  const begun: number[] = [];
  const work = async () => {
    begun.push(clock.elapsed());
    await clock.sleep(takesMs, ending.signal);
  };
  const ask = withinShare(work, { clock, share: 0.1, signal: ending.signal, failed: () => {} });
  return { ask, begun, clock, ending };
}

test("the first one who asks has the work done at once", async () => {
  const { ask, begun, clock } = start();
  await clock.advance(5_000);
  ask();
  expect(begun).toEqual([5_000]);
  await clock.advance(60_000);
  expect(begun).toEqual([5_000]);
});

test("asked for without end, the work takes no more than its share of time", async () => {
  const { ask, begun, clock } = start();
  for (let ms = 0; ms < 99_900; ms += 10) {
    ask();
    await clock.advance(10);
  }
  expect(begun).toHaveLength(100);
});

test("a request while the work is done, or rests, has it done after that", async () => {
  for (const afterMs of [0, 50, 99, 100, 500, 999]) {
    const { ask, begun, clock } = start();
    ask();
    await clock.advance(afterMs);
    ask();
    await clock.advance(10_000);
    expect(begun).toEqual([0, 1_000]);
  }
});

test("work that takes longer rests longer, and work that fails is reported and done again", async () => {
  const { ask, begun, clock } = start(2_000);
  ask();
  ask();
  await clock.advance(19_999);
  expect(begun).toEqual([0]);
  await clock.advance(1);
  expect(begun).toEqual([0, 20_000]);
  const failures: unknown[] = [];
  const signal = new AbortController().signal;
  const failing = withinShare(() => Promise.reject(new Error("no")), {
    ...{ clock, share: 0.1, signal },
    failed: (error) => failures.push(error),
  });
  failing();
  await clock.advance(0);
  failing();
  await clock.advance(0);
  expect(failures).toHaveLength(2);
});

test("nothing begins after the end", async () => {
  const { ask, begun, clock, ending } = start();
  ask();
  ask();
  ending.abort();
  await clock.advance(100_000);
  ask();
  await clock.advance(100_000);
  expect(begun).toEqual([0]);
});
