import { expect, test } from "vitest";
import { editDistance, nearest } from "./nearest.ts";

test.each([
  ["", "", 0],
  ["abc", "", 3],
  ["abc", "acb", 1],
  ["kitten", "sitting", 3],
  ["ca", "abc", 3], // the optimal string alignment form: no edit between two swapped letters
])("from %j to %j it is %i", (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test.each([
  ["packges", "packages"],
  ["Packages", "packages"],
  ["fiels", "files"],
  ["zzz", undefined],
  ["", undefined],
])("%j means %s", (word, meant) => {
  expect(nearest(word, ["version", "packages", "files"])).toBe(meant);
});
