import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readLockSection } from "../image/lock-file.ts";
import { readInside } from "../lib/files/read-inside.ts";
import { exec } from "../lib/process/exec.ts";
import { loadSpecs } from "../spec/load.ts";
import { requireService } from "./project.ts";

let base: string;
let project: string;
beforeEach(() => {
  base = mkdtempSync("/tmp/kiln-inside-");
  project = join(base, "project");
  mkdirSync(join(project, "folder"), { recursive: true });
  writeFileSync(join(base, "secret"), "root:$6$hash:19000:0\n");
});
afterEach(() => rmSync(base, { recursive: true }));

const escapes = { code: "path_escapes", message: expect.not.stringContaining("$6$hash") };

test("a kiln.yaml or a kiln.lock that leads out of the project is refused, and its target is not shown", async () => {
  const [spec, lock] = [join(project, "kiln.yaml"), join(project, "kiln.lock")];
  for (const file of [spec, lock]) symlinkSync("../secret", file);
  await expect(loadSpecs(spec)).rejects.toMatchObject(escapes);
  await expect(requireService(project, {}, undefined)).rejects.toMatchObject(escapes);
  await expect(readLockSection(lock, "shop")).rejects.toMatchObject(escapes);
});

test("a link within the folder is followed; a path through a link out of it is refused", async () => {
  writeFileSync(join(project, "folder/file"), "text");
  symlinkSync("folder/file", join(project, "link"));
  symlinkSync(base, join(project, "up"));
  expect((await readInside(project, join(project, "link"), 10)).toString()).toBe("text");
  await expect(readInside(project, join(project, "up/secret"), 10)).rejects.toMatchObject(escapes);
});

test("at most the limit and one more piece is read, and a pipe does not block", async () => {
  writeFileSync(join(project, "large"), Buffer.alloc(1 << 20));
  expect((await readInside(project, join(project, "large"), 1000)).length).toBe(64 * 1024);
  await exec(["mkfifo", join(project, "pipe")]);
  expect((await readInside(project, join(project, "pipe"), 1000)).length).toBe(0);
});
