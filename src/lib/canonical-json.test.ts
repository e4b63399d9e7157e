import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

test("the order of keys makes no difference, at any depth", () => {
  const one = canonicalJson({ b: [{ y: 1, x: 2 }], a: { d: null, c: "é" }, 10: 1, 9: 2 });
  const other = canonicalJson({ 9: 2, 10: 1, a: { c: "é", d: null }, b: [{ x: 2, y: 1 }] });
  expect(one).toBe(other);
  expect(canonicalJson({ b: 1, a: [2, { d: 1, c: 0 }] })).toBe('{"a":[2,{"c":0,"d":1}],"b":1}');
});

test("keys are in the order of RFC 8785, section 3.2.3: that of their code units", () => {
  const keys = ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6", "9", "10"];
  const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
  expect(text).toBe('{"\\r":0,"1":0,"10":0,"9":0,"\u0080":0,"ö":0,"€":0,"😀":0,"\ufb33":0}');
});

test("numbers are as in its appendix B", () => {
  const numbers = [-0, 9007199254740991, 1e21, 1e-7, 0.000001, 333333333.3333333];
  expect(canonicalJson(numbers)).toBe("[0,9007199254740991,1e+21,1e-7,0.000001,333333333.3333333]");
});

test("a member that is undefined is as good as absent", () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  expect(canonicalJson([undefined, 1])).toBe("[null,1]");
});

test("half a surrogate pair is never stored", () => {
  expect(canonicalJson({ a: "x\ud83d" })).toBe('{"a":"x\ufffd"}');
});

test("the order of a list matters", () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
});
