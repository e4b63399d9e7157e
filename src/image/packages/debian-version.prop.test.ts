import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions, isVersion } from "./debian-version.ts";

const sign = (value: number) => Math.sign(value) + 0;

test.each([
  ["1.0", "1.0", 0],
  ["1.0", "1.00", 0],
  ["1.0", "1.0-0", 0],
  ["0:1.0", "1.0", 0],
  ["1.0~rc1", "1.0", -1],
  ["1.0~~", "1.0~", -1],
  ["1.0", "1.0a", -1],
  ["1.0a", "1.0+", -1],
  ["1.9", "1.10", -1],
  ["2.0", "1:1.0", -1],
  ["1.0-1", "1.0-1+deb12u1", -1],
  ["1.0-1+deb12u9", "1.0-1+deb12u10", -1],
  ["3.0.15-1~deb12u1", "3.0.15-1", -1],
  ["1-2-3", "1-2-10", -1],
])("%s and %s are ordered as dpkg orders them", (a, b, expected) => {
  expect(sign(compareVersions(a, b))).toBe(expected);
  expect(sign(compareVersions(b, a))).toBe(0 - expected);
});

const part = fc.array(fc.constantFrom("0", "1", "9", "10", "a", "Z", "~", "+", "."), { maxLength: 5 });
const version = fc
  .tuple(fc.constantFrom("", "0:", "1:"), part, fc.option(part))
  .map(
    ([epoch, up, revision]) => `${epoch}1${up.join("")}${revision === null ? "" : `-1${revision.join("")}`}`,
  );

test("random versions are ordered as dpkg orders them", () => {
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 150, seed: 20 });
  const script =
    'while read a b; do dpkg --compare-versions "$a" lt "$b" && echo -1 || { dpkg --compare-versions "$a" eq "$b" && echo 0 || echo 1; }; done';
  const input = pairs.map((pair) => `${pair.join(" ")}\n`).join("");
  const answers = execFileSync("sh", ["-c", script], { input, encoding: "utf8" }).trim().split("\n");
  expect(pairs.map(([a, b]) => sign(compareVersions(a, b)))).toEqual(answers.map(Number));
});

test("the order is transitive", () => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      const [first = "", second = "", third = ""] = [a, b, c].sort(compareVersions);
      expect(compareVersions(first, second)).toBeLessThanOrEqual(0);
      expect(compareVersions(second, third)).toBeLessThanOrEqual(0);
      expect(compareVersions(first, third)).toBeLessThanOrEqual(0);
    }),
  );
});

test.each(["", "-1", "1 2", "1.0\n", "1.0;rm", "x:1"])("%j is not a version", (text) => {
  expect(isVersion(text)).toBe(false);
});
