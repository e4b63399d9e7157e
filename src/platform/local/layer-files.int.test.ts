import { appendFileSync, copyFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../lib/exec.ts";
import type { HostImage } from "../platform.ts";
import { aCall, openImages, TestHost, whyNoContainers } from "./test-host.ts";
import { shellImage } from "./test-image.ts";

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
