import { expect, test } from "vitest";
import { parseBase } from "../../image/sources/sources.ts";
import * as v from "./values.ts";

test.each([
  ["0s", 0],
  ["500ms", 500],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["1h1m1s1ms", 3_661_001],
  ["5", undefined],
  ["", undefined],
  ["1.5s", undefined],
  ["-1s", undefined],
  ["1s1m", undefined],
  ["1s 1ms", undefined],
  ["1S", undefined],
])("duration %j is %s ms", (text, ms) => {
  expect(v.parseDuration(text)).toBe(ms);
});

test.each([
  ["512KiB", 524_288],
  ["256MiB", 268_435_456],
  ["1.5GiB", 1_610_612_736],
  ["256MB", 256_000_000],
  ["1GB", 1_000_000_000],
  ["1kB", 1000],
  ["0.3KiB", 307],
  ["256M", undefined],
  ["256", undefined],
  ["1..5GiB", undefined],
  ["1 GiB", undefined],
])("size %j is %s bytes", (text, bytes) => {
  expect(v.parseSize(text)).toBe(bytes);
});

const matching: [name: string, pattern: RegExp, yes: string[], no: string[]][] = [
  [
    "container path",
    v.containerPathPattern,
    ["/a", "/a/b.c", "/..a", "/a b", "/.a/..."],
    ["", "/", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/../a", "/a/./b"],
  ],
  [
    "host",
    v.hostPattern,
    ["localhost", "a.b-c.example.com", "10.0.0.1", "a.", `${"a".repeat(63)}.com`],
    [
      "",
      ".",
      "a..",
      ".a",
      "-a",
      "a-",
      "a_b",
      "*.a",
      "a:1",
      "a..b",
      `${"a".repeat(64)}.com`,
      `${"a.".repeat(127)}a`,
    ],
  ],
  [
    "package",
    v.packagePattern,
    ["nginx", "g++", "libc6", "0ad", "python3.11", "nginx=1.22.1-9+deb12u1", "a1=1:2~rc-1"],
    ["a", "Nginx", "-a", "nginx=", "nginx=v1", "nginx:amd64", "a b"],
  ],
  [
    "source",
    v.sourcePattern,
    [
      "deb https://deb.example.com/debian bookworm main",
      "deb [signed-by=/k.gpg arch=amd64] http://a.example.com b c d",
      "deb file:/srv/repo ./",
    ],
    [
      "deb-src https://a.example.com b c",
      "deb https://a.example.com bookworm",
      "https://a.example.com b c",
      "deb a b c",
    ],
  ],
  [
    "version",
    v.versionPattern,
    ["1.4.0", "v1", "_x", "a".repeat(128)],
    ["", ".1", "-1", "a/b", "a:b", "a+b", "a".repeat(129)],
  ],
  [
    "user",
    v.userPattern,
    ["www-data", "0", "1000:1000", "app:www-data", "_apt", "4294967294"],
    ["", ":", "a:", "a:b:c", "-a", "a b", "1a"],
  ],
  [
    "HTTP path",
    v.httpPathPattern,
    ["/", "/a/b?c=d&e", "/%20"],
    ["", "a", "/a b", "/a#b", '/"', "/ä", "/a\nb"],
  ],
  [
    "service",
    v.namePattern,
    ["a", "shop-2", "a".repeat(32)],
    ["", "2a", "-a", "A", "a.b", "a_b", "a".repeat(33)],
  ],
  ["mode", v.modePattern, ["644", "0755", "1777"], ["0o644", "64", "0888", "00644"]],
];

test.each(matching)("%s", (_, pattern, yes, no) => {
  expect(yes.filter((text) => !pattern.test(text))).toEqual([]);
  expect(no.filter((text) => pattern.test(text))).toEqual([]);
});

test("user numbers end before the one that means no change", () => {
  expect(v.userInRange("4294967294:0")).toBe(true);
  expect(v.userInRange("0:4294967295")).toBe(false);
});

test.each([
  ["scratch", { kind: "scratch" }],
  ["debian:trixie", { kind: "debian", suite: "trixie" }],
  ["oci:./a b", { kind: "oci", path: "./a b", ref: undefined }],
  ["oci:a.tar#reg:1@x/y", { kind: "oci", path: "a.tar", ref: "reg:1@x/y" }],
  ["registry.example/a/b:1", { kind: "registry", reference: "registry.example/a/b:1" }],
  ["channel:base/stable", { kind: "channel", service: "base", name: "stable" }],
  ["channel:base", undefined],
  ["registry.example/a/b", undefined],
  ["oci:a#", undefined],
  ["oci:", undefined],
  ["debian:", undefined],
  ["Debian:bookworm", undefined],
])("base %j", (text, base) => {
  expect(parseBase(text)).toEqual(base);
});
