import { expect, test } from "vitest";
import { elapsedAt, momentOf } from "./clock.ts";
import { FakeClock } from "./fake-clock.ts";
import { steadyClock } from "./steady-clock.ts";

const hour = 3_600_000;

test("it goes on evenly when the system's clock is set, and tells by how much that was", async () => {
  const system = new FakeClock(1_000);
  const clock = steadyClock(system);
  await system.advance(500);
  system.set(-hour);
  await system.advance(500);
  expect(clock.now()).toBe(2_000);
  expect(clock.stepMs()).toBe(-hour);
});

test("it shows what the system's clock shows once it is told to, and how long things last stays as it was", async () => {
  const system = new FakeClock(1_000);
  const clock = steadyClock(system);
  const begun = clock.elapsed();
  system.set(hour);
  await system.advance(500);
  clock.move(clock.stepMs());
  expect(clock.now()).toBe(system.now());
  expect(clock.stepMs()).toBe(0);
  expect(clock.elapsed() - begun).toBe(500);
});

test("small steps are not worth a word, until they add up", () => {
  const system = new FakeClock();
  const clock = steadyClock(system);
  system.set(600);
  expect(clock.stepMs()).toBe(0);
  system.set(600);
  expect(clock.stepMs()).toBe(1_200);
});

test("a moment and what has elapsed are told from one another, also after a step", async () => {
  const clock = new FakeClock(1_000);
  const begun = clock.elapsed();
  await clock.advance(250);
  clock.set(hour);
  expect(momentOf(clock, begun)).toBe(clock.now() - 250);
  expect(elapsedAt(clock, clock.now() - 250)).toBe(begun);
  expect(elapsedAt(clock, clock.now() + hour)).toBe(clock.elapsed());
});
