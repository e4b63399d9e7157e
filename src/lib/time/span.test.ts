import { expect, test } from "vitest";
import { spanWords } from "./span.ts";

test.each([
  [0, "0 s"],
  [500, "0.5 s"],
  [60_000, "60 s"],
  [100_000, "100 s"],
  [300_000, "5 min"],
  [5_400_000, "90 min"],
  [7_200_000, "2 h"],
  [86_400_000, "24 h"],
  [7 * 86_400_000, "7 d"],
])("%d ms is %s", (ms, words) => expect(spanWords(ms)).toBe(words));
