import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";

test("sleepers wake in the order of their times, each at its own time", async () => {
  const clock = new FakeClock(1000);
  const woken: string[] = [];
  const sleep = (name: string, ms: number) =>
    clock.sleep(ms).then(() => woken.push(`${name}@${clock.now()}`));
  sleep("c", 30);
  sleep("a", 10).then(() => sleep("b", 10));
  sleep("d", 30);
  await clock.advance(30);
  expect(woken).toEqual(["a@1010", "b@1020", "c@1030", "d@1030"]);
  expect(clock.now()).toBe(1030);
});

test("an aborted sleeper rejects at once and is forgotten", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const sleeping = clock.sleep(10, controller.signal);
  controller.abort();
  await expect(sleeping).rejects.toMatchObject({ name: "AbortError" });
  expect(clock.sleepers).toBe(0);
});

test("settle moves time until the promise settles, and fails when it never can", async () => {
  const clock = new FakeClock();
  await expect(clock.settle(clock.sleep(500).then(() => clock.now()))).resolves.toBe(500);
  await expect(clock.settle(new Promise(() => {}))).rejects.toThrow(/nothing is left/);
  await expect(clock.settle(clock.sleep(100), 50)).rejects.toThrow(/within 50 ms/);
});
