import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inodeOf } from "../lib/files/file-mark.ts";
import { loopInode, loopState } from "../lib/files/loop-device.ts";
import { exec } from "../lib/process/exec.ts";
import { loopMountArgv, mountedAt } from "../platform/linux/mounts.ts";
import { aCall, until, whyNoContainers } from "../platform/local/test-host.ts";
import { forever, watchServers } from "./testing.ts";

const reason = whyNoContainers();
if (reason) console.log(`Drift of images is not tested: ${reason}.`);

describe.skipIf(reason)("a server whose image someone changes", () => {
  const w = watchServers();

  describe("whose image files are copies of their own", () => {
    let file: string;
    beforeEach(async () => {
      const { layers } = await w().t.images.open("any", aCall());
      const [base, ...others] = layers;
      if (!base) throw new Error("the test image has layers");
      file = `${base.file}.copy`;
      copyFileSync(base.file, file);
      await w().t.run("shop-1-2-1", forever, {}, { layers: [{ ...base, file }, ...others] });
      await w().drift.inspect(aCall());
    });
    afterEach(async () => {
      await w().t.destroyAll();
      rmSync(file, { force: true });
    });

    /** Nothing else happens in between: a second later it would be immutable again. */
    const makeChangeable = () => spawnSync("chattr", ["-i", file]).status === 0;

    test.each([
      ["altered", () => appendFileSync(file, "x"), "does not match"],
      ["replaced", () => renameSync(tmpCopy(file), file), "does not match"],
      ["removed", () => rmSync(file), "is gone"],
    ] as const)("is found when one is %s, and the server next to it is not", async (_how, change, detail) => {
      makeChangeable();
      change();
      const found = await w().finding("image");
      expect(found).toMatchObject({ server: "shop-1-2-1", detail: expect.stringContaining(detail) });
      await w().drift.inspect(aCall());
      expect(
        w()
          .drift.findings()
          .map(({ server }) => server),
      ).toEqual(["shop-1-2-1"]);
    });

    test("is not found when one was made changeable: it is immutable again, and that is reported", async () => {
      const restored = new Set<string>();
      using _watch = w().drift.watchNotices(({ kind, data }) => {
        if (kind === "image.unprotected") restored.add(String(data.file));
      });
      if (!makeChangeable()) return console.log("Not tested: this file system has no immutable files.");
      await until(() => restored.size > 0);
      expect([...restored]).toEqual([file]);
      expect(() => appendFileSync(file, "x")).toThrow("EPERM");
      expect(w().drift.findings()).toEqual([]);
    });

    test("is not found when one was only looked at, or given another time", async () => {
      makeChangeable();
      utimesSync(file, new Date(), new Date());
      await exec(["cat", file], { output: openSync("/dev/null", "w") });
      await w().drift.inspect(aCall());
      expect(w().drift.findings()).toEqual([]);
    });
  });

  /** As where the kernel mounts block devices alone: LOOP_CHANGE_FD of linux/loop.h, with the name put right after it. */
  test("is found when the file below its loop device is exchanged", async () => {
    const folder = mkdtempSync("/tmp/kiln-loop-");
    const [file, other] = [join(folder, "layer.erofs"), join(folder, "other.erofs")];
    const layer = w().subject().imageFiles[0];
    if (!layer) throw new Error("the test image has layers");
    copyFileSync(layer.file, file);
    copyFileSync(layer.file, other);
    mkdirSync(join(folder, "at"));
    await exec(loopMountArgv(file, join(folder, "at")));
    const name = basename(mountedAt(join(folder, "at"))?.source ?? "");
    try {
      expect(await loopInode(name)).toBe(inodeOf(statSync(file, { bigint: true })));
      const loop = { name, state: loopState(name) };
      const served = { inode: inodeOf(statSync(file, { bigint: true })), loop };
      const through = { ...w().subject(), imageFiles: [{ ...layer, file, served }] };
      await w().restart({ ...w().inspector, subjects: () => [through] });
      await w().drift.inspect(aCall());
      expect(w().drift.findings()).toEqual([]);
      const change =
        "open($l, '<', shift) && open($f, '<', shift) && ioctl($l, 0x4C06, fileno($f)) or die $!";
      await exec(["perl", "-e", change, `/dev/${name}`, other]);
      expect(await w().finding("image")).toMatchObject({ detail: expect.stringContaining(name) });
    } finally {
      await exec(["umount", join(folder, "at")]);
      rmSync(folder, { recursive: true });
    }
  });
});

function tmpCopy(file: string): string {
  copyFileSync(file, `${file}.new`);
  appendFileSync(`${file}.new`, "x");
  return `${file}.new`;
}
