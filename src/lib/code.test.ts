import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCode } from "./code.ts";
import { version } from "./version.ts";

let folder: string;
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-code-");
  mkdirSync(join(folder, "src/lib"), { recursive: true });
  write("package.json", '{ "version": "1.2.3" }');
  write("package-lock.json", "{}");
  write("src/main.ts", "one");
  write("src/lib/part.ts", "two");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the same sources are the same revision, in any folder", () => {
  const copy = `${folder}-copy`;
  cpSync(folder, copy, { recursive: true });
  const { revision } = readCode(folder);
  expect(readCode(copy)).toEqual({ version: "1.2.3", revision, folder: copy });
  rmSync(copy, { recursive: true });
});

test.each([
  ["another source", "src/lib/part.ts", true],
  ["another file", "src/lib/other.ts", true],
  ["other dependencies", "package-lock.json", true],
  ["a test", "src/lib/part.test.ts", false],
])("%s is another revision, or none", (_, file, differs) => {
  const before = readCode(folder).revision;
  write(file, "changed");
  expect(readCode(folder).revision !== before).toBe(differs);
});

test("this checkout's code is read without being told where it lies", () => {
  expect(readCode()).toMatchObject({ version, revision: expect.stringMatching(/^[0-9a-f]{64}$/) });
});
