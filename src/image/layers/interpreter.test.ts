import { readFileSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { elf } from "../test-kit.ts";
import { interpreterOf } from "./interpreter.ts";

const of = (bytes: Uint8Array | string) => interpreterOf({ kind: "bytes", bytes: Buffer.from(bytes) });

test.each([
  [64, false],
  [64, true],
  [32, false],
  [32, true],
] as const)("the loader of an ELF program of %i bits, big-endian: %s", (bits, big) => {
  const path = "/lib/ld.so.1";
  expect(of(elf({ interpreter: path, bits, big }))).toEqual({ kind: "loader", path, argument: "" });
  expect(of(elf({ bits, big }))).toBeUndefined();
});

test("the loader of a real program, read from a part of a file", () => {
  const path = process.execPath;
  const content = { kind: "slice", path, offset: 0, length: statSync(path).size } as const;
  const found = interpreterOf(content);
  expect(found).toMatchObject({ kind: "loader", path: expect.stringMatching(/^\/lib.*ld-.*\.so/) });
  expect(readFileSync(path).includes(`${found?.path}\0`)).toBe(true);
});

test.each([
  ["#!/bin/sh\nexit\n", "/bin/sh", ""],
  ["#! \t/usr/bin/env  python3 -u \n", "/usr/bin/env", "python3 -u"],
  ["#!/bin/sh", "/bin/sh", ""],
])("the interpreter of the script %j", (text, path, argument) => {
  expect(of(text)).toEqual({ kind: "script", path, argument });
});

test("a cut, damaged or other file has no interpreter", () => {
  const whole = elf({ interpreter: "/lib/ld.so" });
  for (let length = 0; length < whole.length; length++)
    expect(() => of(whole.subarray(0, length))).not.toThrow();
  expect(of(Buffer.alloc(200, 0xff))).toBeUndefined();
  expect(of(Buffer.concat([whole.subarray(0, 5), Buffer.alloc(200, 0xff)]))).toBeUndefined();
  expect(["", "#!", "#!\n", "text"].map(of)).toEqual([undefined, undefined, undefined, undefined]);
  expect(interpreterOf(undefined)).toBeUndefined();
});
