import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

test("the order of keys makes no difference, at any depth", () => {
  const one = canonicalJson({ b: [{ y: 1, x: 2 }], a: { d: null, c: "é" }, 10: 1, 9: 2 });
  const other = canonicalJson({ 9: 2, 10: 1, a: { c: "é", d: null }, b: [{ x: 2, y: 1 }] });
  expect(one).toBe(other);
  expect(canonicalJson({ b: 1, a: [2, { d: 1, c: 0 }] })).toBe('{"a":[2,{"c":0,"d":1}],"b":1}');
});

test("a member that is undefined is as good as absent", () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});

test("the order of a list matters", () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
