import { expect, test } from "vitest";
import { limiter, takingTurns } from "./limiter.ts";
import { FakeClock } from "./time/fake-clock.ts";

test("no more than the limit run at once, in the order they came, and a failure frees its place", async () => {
  const clock = new FakeClock();
  const limit = limiter(2);
  const log: string[] = [];
  let running = 0;
  const work = (name: string) =>
    limit(async () => {
      expect(++running).toBeLessThanOrEqual(2);
      log.push(name);
      await clock.sleep(10);
      running--;
      if (name === "b") throw new Error("b fails");
    });
  const all = Promise.allSettled(["a", "b", "c", "d", "e"].map(work));
  const results = await clock.settle(all);
  expect(results.map((r) => r.status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]);
  expect(log).toEqual(["a", "b", "c", "d", "e"]);
  expect(clock.now()).toBe(30);
});

test("who asks while it runs waits for one more run, which all of them share", async () => {
  const clock = new FakeClock();
  let runs = 0;
  const turn = takingTurns(async () => {
    runs++;
    await clock.sleep(10);
    if (runs === 1) throw new Error("the first run fails");
  });
  const first = turn();
  first.catch(() => {});
  await clock.advance(5);
  const others = [turn(), turn(), turn()];
  await clock.settle(Promise.all(others));
  await expect(first).rejects.toThrow("the first run fails");
  expect([runs, clock.now()]).toEqual([2, 20]);
  await clock.settle(turn());
  expect(runs).toBe(3);
});
