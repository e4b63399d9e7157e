import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isUntouched, readCode } from "./code.ts";
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
  expect(readCode(copy)).toMatchObject({ version: "1.2.3", revision, folder: copy });
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

test("unchanged code is recognized without reading it", () => {
  const code = readCode(folder);
  expect(isUntouched(code, folder)).toBe(true);
  expect(isUntouched({ ...code, folder: "/elsewhere" }, folder)).toBe(false);
  const { stamp: _, ...earlier } = code;
  expect(isUntouched(earlier, folder)).toBe(false);
});

test.each([
  ["is written again, with its old size and time", () => rewrite("src/lib/part.ts", "owt")],
  ["is replaced", () => replace("src/main.ts", "eno")],
  ["is added", () => write("src/lib/other.ts", "")],
  ["is removed", () => rmSync(join(folder, "src/lib/part.ts"))],
])("code of which a file %s does not count as unchanged", (_, change) => {
  const code = readCode(folder);
  change();
  expect(isUntouched(code, folder)).toBe(false);
});

/** With the old size and modification time: the change time, which no one can set, still differs. */
function rewrite(name: string, text: string): void {
  const { atime, mtime } = statSync(join(folder, name));
  write(name, text);
  utimesSync(join(folder, name), atime, mtime);
}

function replace(name: string, text: string): void {
  write("new", text);
  renameSync(join(folder, "new"), join(folder, name));
}

test("this checkout's code is found without a path", () => {
  expect(readCode()).toMatchObject({ version, revision: expect.stringMatching(/^[0-9a-f]{64}$/) });
});
