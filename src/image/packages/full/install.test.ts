import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keepArchive } from "./install.ts";

test("only a file is taken for the archive of an installation", async () => {
  const folder = mkdtempSync("/tmp/kiln-archive-");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [made, kept] = [join(folder, "root.tar"), join(folder, "installed/a.tar")];
  const secret = join(folder, "secret");
  writeFileSync(secret, "x");
  for (const leave of [
    () => symlinkSync(secret, made),
    () => execFileSync("mkfifo", [made]),
    () => mkdirSync(made),
    () => {},
  ]) {
    leave();
    await expect(keepArchive(made, kept)).rejects.toMatchObject({ code: "package_script_failed" });
    expect(existsSync(kept)).toBe(false);
    rmSync(made, { recursive: true, force: true });
  }
  writeFileSync(made, "archive");
  await keepArchive(made, kept);
  expect(readFileSync(kept, "utf8")).toBe("archive");
});
