import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { Timetable } from "./timetable.ts";

test("everyone is called at their own moment, in its order, with one sleep for all", async () => {
  const clock = new FakeClock(100);
  const timetable = new Timetable(clock, new AbortController().signal);
  const called: string[] = [];
  const at = (ms: number, name: string) => timetable.at(ms, () => called.push(`${name} ${clock.elapsed()}`));
  at(300, "c");
  at(150, "a");
  at(300, "d");
  at(200, "b");
  at(90, "past");
  await clock.advance(0);
  expect(clock.sleepers).toBe(1);
  await clock.advance(400);
  expect(called).toEqual(["past 100", "a 150", "b 200", "c 300", "d 300"]);
  expect(clock.sleepers).toBe(0);
});

test("who is called may ask to be called again, at once or later", async () => {
  const clock = new FakeClock();
  const timetable = new Timetable(clock, new AbortController().signal);
  const called: number[] = [];
  function again(): void {
    called.push(clock.elapsed());
    if (called.length < 4) timetable.at(clock.elapsed() + (called.length % 2) * 10, again);
  }
  timetable.at(5, again);
  await clock.advance(100);
  expect(called).toEqual([5, 15, 15, 25]);
});

test("no callback is called after the end", async () => {
  const clock = new FakeClock();
  const end = new AbortController();
  const timetable = new Timetable(clock, end.signal);
  const called: string[] = [];
  timetable.at(5, () => {
    called.push("first");
    end.abort();
  });
  timetable.at(5, () => called.push("second"));
  timetable.at(9, () => called.push("third"));
  await clock.advance(100);
  timetable.at(200, () => called.push("fourth"));
  await clock.advance(200);
  expect(called).toEqual(["first"]);
  expect(clock.sleepers).toBe(0);
});
