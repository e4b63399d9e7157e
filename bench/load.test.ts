import { expect, test } from "vitest";
import { type Answer, allServedAtMs, movedAtMs, releaseOf } from "./load.ts";

function answer(endedAtMs: number, server: string | undefined): Answer {
  return { askedAtMs: endedAtMs - 1, endedAtMs, server };
}

const answers = [
  answer(10, "bench-1-1-1"),
  answer(20, "bench-2-1-1"),
  answer(30, "bench-1-2-1"),
  answer(40, undefined),
  answer(50, "bench-2-2-1"),
];

test("a server's release is in its id", () => {
  expect(releaseOf("bench-12-3-1")).toBe(12);
  expect(releaseOf(undefined)).toBe(0);
});

test("traffic has moved with the release's first answer and the last one of others", () => {
  expect(movedAtMs(answers, 2)).toBe(30);
  expect(movedAtMs(answers.slice(1, 2), 2)).toBe(20);
  expect(movedAtMs(answers.slice(0, 1), 2)).toBeUndefined();
});

test("all serve once each has answered", () => {
  expect(allServedAtMs(answers, 2, 2)).toBe(50);
  expect(allServedAtMs(answers, 2, 3)).toBeUndefined();
});
