import { appendFileSync, copyFileSync, renameSync, rmSync, statSync } from "node:fs";
import { release } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inodeOf } from "../../../lib/files/file-mark.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { HostImage } from "../../contract/images.ts";
import { aCall, openImages, TestHost, whyNoContainers } from "../test-host.ts";
import { shellImage } from "../test-image.ts";

const reason = whyNoContainers();
if (reason) console.log(`The files of images are not tested: ${reason}.`);

describe.skipIf(reason)("the files that a server's root is made of", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let layers: HostImage["layers"];
  beforeAll(async () => {
    images = await openImages();
    t = new TestHost(images);
    layers = (await images.open("any", aCall())).layers;
  });
  afterAll(async () => {
    await t.destroyAll();
    expect(await t.traces()).toEqual([]);
    await t[Symbol.asyncDispose]();
    images[Symbol.dispose]();
  });

  test("cannot be changed by mistake while they are in use", async () => {
    const [layer] = layers;
    if (!layer) throw new Error("the test image has layers");
    const { stdout, code } = await exec(["chattr", "+i", layer.file], { accept: "any" });
    if (code !== 0) return console.log(`Not tested: this file system has no immutable files. ${stdout}`);
    await exec(["chattr", "-i", layer.file]);
    await t.run("shop-1-1-1", "exec sleep 100");
    expect(() => appendFileSync(layer.file, "x")).toThrow("EPERM");
    expect(() => rmSync(layer.file)).toThrow("EPERM");
    await t.destroyAll();
    appendFileSync(layer.file, "");
  });

  test("are mounted without a loop device where the kernel can, and it is kept what is mounted", async () => {
    await t.run("shop-1-1-1", "exec sleep 100");
    const used = t.host.inspector.subjects()[0]?.imageFiles ?? [];
    expect(used.length).toBeGreaterThan(0);
    for (const { file, served } of used) {
      expect(served?.inode).toBe(inodeOf(statSync(file, { bigint: true })));
      if (canMountFiles()) expect(served?.loop).toBeUndefined();
      else expect(served?.loop).toMatchObject({ name: expect.stringMatching(/^loop/) });
    }
    await t.destroyAll();
  });

  test("are mounted again when they were made again, while older servers keep what they have", async () => {
    const [base, top] = layers;
    if (!base || !top) throw new Error("the test image has two layers");
    const file = `${base.file}.again`;
    copyFileSync(base.file, file);
    const rootOf = async (id: string) => {
      await t.run(id, "exec sleep 100", {}, { layers: [{ ...base, file }, top] });
      const pid = t.host.inspector.subjects().find(({ server }) => server === id)?.process.pid;
      return statSync(`/proc/${pid}/root`).dev;
    };
    const older = [await rootOf("shop-1-1-3"), await rootOf("shop-1-2-3")];
    await exec(["chattr", "-i", file], { accept: "any" });
    copyFileSync(base.file, `${file}.new`);
    renameSync(`${file}.new`, file);
    const newer = [await rootOf("shop-1-3-3"), await rootOf("shop-1-4-3")];
    expect(older[0]).toBe(older[1]);
    expect(newer[0]).toBe(newer[1]);
    expect(newer[0]).not.toBe(older[0]);
    for (const slot of [1, 2]) await t.host.destroy(`shop-1-${slot}-3`, aCall());
    const { code } = await exec(["chattr", "+i", top.file], { accept: "any" });
    if (code === 0) expect(() => appendFileSync(file, "x"), "newer servers use it").toThrow("EPERM");
    await t.destroyAll();
    rmSync(file);
  });

  test.each(["altered", "replaced"])("are not used when they were %s", async (how) => {
    const [base, top] = layers;
    if (!base || !top) throw new Error("the test image has two layers");
    const file = `${base.file}.${how}`;
    copyFileSync(base.file, file);
    const image = shellImage("exec sleep 100", { layers: [{ ...base, file }, top] });
    images.images.set("sha256:mine", image);
    const release = { image: "sha256:mine" };
    if (how === "altered") appendFileSync(file, "x");
    else copyFileSync(top.file, file);
    await expect(t.run("shop-1-1-2", "", {}, { layers: image.layers }, release)).rejects.toMatchObject({
      code: "image_invalid",
      message: expect.stringContaining(file),
    });
    expect(await t.host.list(aCall())).toEqual([]);
    expect(await t.traces()).toEqual([]);
    rmSync(file);
  });
});

/** Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE, which all distributions set. */
function canMountFiles(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 12);
}
