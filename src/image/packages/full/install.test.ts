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
import { installFault, keepArchive } from "./install.ts";

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

test("a failed script speaks for itself: what the program that ran it says is left out", () => {
  const fault = installFault(
    [
      "I: installing remaining packages inside the chroot...",
      "Setting up needy (1.0) ...",
      "needy: the database does not answer",
      "dpkg: error processing package needy (--configure):",
      " installed needy package post-installation script subprocess returned error exit status 1",
      "Processing triggers for libc-bin (2.36) ...",
      "Errors were encountered while processing:",
      " needy",
      "E: setup failed: E: env --unset=TMPDIR chroot /mnt/root dpkg --install /a.deb /b.deb failed",
      "E: mmdebstrap failed to run",
      "",
    ].join("\n"),
  );
  expect(fault.code).toBe("package_script_failed");
  expect(fault.message).toBe(
    [
      "The packages cannot be installed:",
      "Setting up needy (1.0) ...",
      "needy: the database does not answer",
      "dpkg: error processing package needy (--configure):",
      " installed needy package post-installation script subprocess returned error exit status 1",
    ].join("\n"),
  );
});

test("a missing program and a full disk have errors of their own", () => {
  expect(installFault("sh: 1: exec: mmdebstrap: not found\n").code).toBe("tool_missing");
  expect(installFault("tar: write: No space left on device\n").code).toBe("disk_full");
});
