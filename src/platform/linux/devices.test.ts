import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { findDevice } from "./devices.ts";

let folder: string;
const at = (name: string) => join(folder, name);
const isRoot = process.getuid?.() === 0;
if (!isRoot)
  console.log("Skipped: disks and the machine's memory as devices, because making them needs root.");

beforeAll(() => {
  folder = mkdtempSync("/tmp/kiln-");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("a character device is found with its numbers and rights", () => {
  expect(findDevice("/dev/null")).toMatchObject({ path: "/dev/null", major: 1, minor: 3, uid: 0 });
});

test("what is not a device is refused", () => {
  writeFileSync(at("file"), "");
  symlinkSync("/dev/null", at("link"));
  for (const [name, why] of [
    ["file", "is not a device"],
    ["link", "is a symbolic link"],
    ["gone", "this machine has no"],
  ] as const)
    expect(() => findDevice(at(name))).toThrow(
      expect.objectContaining({ code: "shape_unsupported", message: expect.stringContaining(why) }),
    );
});

test.runIf(isRoot)("disks and the machine's memory are refused, whatever their names", async () => {
  await exec(["mknod", at("disk"), "b", "7", "200"]);
  await exec(["mknod", at("tty"), "c", "1", "1"]);
  await exec(["mknod", at("far"), "c", "511", "70000"]);
  expect(() => findDevice(at("disk"))).toThrow(/is a block device/);
  expect(() => findDevice(at("tty"))).toThrow(/is the memory of the machine/);
  expect(findDevice(at("far"))).toMatchObject({ major: 511, minor: 70_000 });
});
