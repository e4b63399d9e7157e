import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemPackages } from "./system-packages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("each program is listed once", () => {
  const programs = systemPackages().flatMap((entry) => entry.programs);
  expect(programs.filter((program, i) => programs.indexOf(program) !== i)).toEqual([]);
});

test("continuous integration does not install packages of the list by hand", () => {
  const text = readFileSync(`${root}.ci/run`, "utf8");
  const installed = /^apt-get [^\n]*\binstall ([^>]*)>/m.exec(text)?.[1]?.split(/[\s\\]+/) ?? [];
  expect(installed).toContain("chromium");
  expect(systemPackages().filter(({ name }) => installed.includes(name))).toEqual([]);
});

test("a line that says too little is refused", () => {
  expect(() => systemPackages("runc servers runc\n")).toThrow();
  expect(() => systemPackages("runc sometimes runc starting servers\n")).toThrow();
});
