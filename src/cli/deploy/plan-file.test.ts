import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { planFileText, readPlanFile } from "./plan-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-plan-");
});
afterEach(() => rmSync(folder, { recursive: true }));

const digest = (byte: string) => `sha256:${byte.repeat(32)}`;
const plan = {
  ...{
    madeAt: "2026-11-30T08:00:00.000Z",
    installation: "here-1a2b",
    service: "shop",
    environment: "staging",
  },
  ...{ target: "local", image: { digest: digest("aa"), version: "1.4.0" } },
  ...{ checkout: { commit: "ab".repeat(20), dirty: false }, asked: digest("bb"), plan: digest("cc") },
};

function written(text: string): string {
  const path = join(folder, "shop.plan");
  writeFileSync(path, text);
  return path;
}

test("what was written is read", () => {
  expect(readPlanFile(written(planFileText(plan)))).toEqual({ format: 1, ...plan });
});

test("keys in another order, and other white space, are not an edit", () => {
  const entries = Object.entries(JSON.parse(planFileText(plan))).toReversed();
  expect(readPlanFile(written(JSON.stringify(Object.fromEntries(entries))))).toEqual({ format: 1, ...plan });
});

test.each([
  ["another image", (text: string) => text.replace(digest("aa"), digest("ab")), "was edited"],
  ["another service", (text: string) => text.replace('"shop"', '"db"'), "was edited"],
  ["no checksum", (text: string) => text.replace(/,\s*"checksum": "[^"]*"/, ""), "was edited"],
  [
    "another format",
    (text: string) => text.replace('"format": 1', '"format": 2'),
    "has the format 2; this Kiln",
  ],
  ["an unknown key", (text: string) => text.replace('"target"', '"more": 1, "target"'), "is damaged"],
  ["an option for git", (text: string) => text.replace("ab".repeat(20), "--output=/x"), "is damaged"],
  [
    "a key that would write on the terminal",
    (text: string) => text.replace('"target"', '"\\u001b[31m": 1, "target"'),
    'is damaged: Unrecognized key: "',
  ],
  ["half a file", (text: string) => text.slice(0, 100), "is not a plan"],
  ["another document", () => '{"name": "x"}', "is not a plan"],
  ["a list", () => "[]", "is not a plan"],
  ["nothing", () => "", "is not a plan"],
])("%s is refused", (_what, edit, words) => {
  const edited = edit(planFileText(plan));
  expect(edited).not.toBe(planFileText(plan));
  const path = written(edited);
  expect(() => readPlanFile(path)).toThrow(`${path} ${words}`);
  expect(() => readPlanFile(path)).toThrow(expect.objectContaining({ code: "plan_file_invalid" }));
});

test("a file that is not there, and may be meant as a service of an environment", () => {
  expect(() => readPlanFile(join(folder, "shop.staging"))).toThrow(
    expect.objectContaining({
      message: expect.stringContaining("does not exist"),
      hint: expect.stringContaining("kiln deploy SERVICE --env ENVIRONMENT"),
    }),
  );
});
