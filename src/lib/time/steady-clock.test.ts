import { expect, test } from "vitest";
import { elapsedAt, momentOf } from "./clock.ts";
import { FakeClock } from "./fake-clock.ts";
import { steadyClock } from "./steady-clock.ts";

const hour = 3_600_000;

test("it runs evenly when the system's clock is set, and reports by how much that was", async () => {
  const system = new FakeClock(1_000);
  const clock = steadyClock(system);
  await system.advance(500);
  system.set(-hour);
  await system.advance(500);
  expect(clock.now()).toBe(2_000);
  expect(clock.stepMs()).toBe(-hour);
});

test("it adopts the system's clock when told to, without a change to elapsed times", async () => {
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

test("small steps are not reported until they add up", () => {
  const system = new FakeClock();
  const clock = steadyClock(system);
  system.set(600);
  expect(clock.stepMs()).toBe(0);
  system.set(600);
  expect(clock.stepMs()).toBe(1_200);
});

test("moments and elapsed times convert into each other, also after a step", async () => {
  const clock = new FakeClock(1_000);
  const begun = clock.elapsed();
  await clock.advance(250);
  clock.set(hour);
  expect(momentOf(clock, begun)).toBe(clock.now() - 250);
  expect(elapsedAt(clock, clock.now() - 250)).toBe(begun);
  expect(elapsedAt(clock, clock.now() + hour)).toBe(clock.elapsed());
});
