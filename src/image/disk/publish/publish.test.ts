import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionTable } from "../gpt.ts";
import type { Disk } from "../pieces.ts";
import { type DiskFormat, writeDisk } from "../write-disk.ts";
import { type Cloud, type PublishPlace, planPublishing } from "./clouds.ts";
import { type FoundDisk, findDisk } from "./found-disk.ts";
import { runSteps, shellLines } from "./run-steps.ts";

const { signal } = new AbortController();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-publish-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = 4 << 20;
const { start, end } = partitionTable([], bytes / 512, "seed");
const disk: Disk = {
  bytes,
  pieces: [
    { at: 0, bytes: start },
    { at: bytes - end.length, bytes: end },
  ],
};

async function written(format: DiskFormat): Promise<string> {
  const path = join(folder, `shop.${format}`);
  await writeDisk(path, async () => disk, { format, replace: true }, signal);
  return path;
}

describe("a file", () => {
  test("that is a pipe without a writer is refused at once", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    await expect(findDisk(pipe)).rejects.toThrow("it is not a file");
  });

  test.each(["raw", "qcow2", "vmdk", "vhd", "gce"] as const)(
    "of the format %s is recognized",
    async (format) => {
      expect(await findDisk(await written(format))).toMatchObject({ format, bytes });
    },
  );

  test.each([
    ["without a partition table", Buffer.alloc(4096), "no partition table"],
    [
      "that was cut off",
      Buffer.concat([start, Buffer.alloc(512)]),
      "not as long as its partition table says",
    ],
    [
      "of another archive",
      gzipSync(Buffer.alloc(4096, "something else"), { level: 0 }),
      "not an archive whose first file is disk.raw",
    ],
    ["of text", Buffer.from("disk"), "too short"],
  ])("%s is refused", async (_, content, words) => {
    writeFileSync(join(folder, "other"), content);
    await expect(findDisk(join(folder, "other"))).rejects.toThrow(words);
  });

  test("that is a VHD with another size is refused", async () => {
    const path = await written("vhd");
    writeFileSync(path, "x", { flag: "a" });
    await expect(findDisk(path)).rejects.toThrow("not a disk that a cloud starts");
    await expect(findDisk(join(folder, "none"))).rejects.toThrow("cannot be read (ENOENT)");
  });
});

const places: Readonly<Record<Cloud, PublishPlace>> = {
  aws: { bucket: "images" },
  gce: { bucket: "images", bootKeys: "/keys" },
  azure: { resourceGroup: "shop", storageAccount: "shopdisks", container: "disks" },
  openstack: {},
};
const found = (format: FoundDisk["format"], path: string): FoundDisk => ({
  ...{ format, path, bytes: 1 << 30, fileBytes: 1 << 30 },
});

test.each([
  ["aws", found("raw", "/srv/shop-1.4.0.raw")],
  ["gce", found("gce", "/srv/shop-1.4.0.tar.gz")],
  ["azure", found("vhd", "/srv/shop-1.4.0.vhd")],
  ["openstack", found("qcow2", "/srv/a shop's-1.4.0.qcow2")],
] as const)("the commands for %s", async (cloud, of) => {
  const place = cloud === "openstack" ? { name: "shop-1.4.0" } : places[cloud];
  const { steps } = planPublishing(cloud, of, place);
  const lines = steps.map((step) => `# ${step.does}\n${shellLines(step)}\n`).join("");
  await expect(lines).toMatchFileSnapshot(`golden/${cloud}.sh`);
});

test.each([
  ["aws", found("qcow2", "/srv/shop.qcow2"), places.aws, "aws takes raw, vhd, vmdk"],
  ["aws", found("raw", "/srv/shop.raw"), {}, "needs `--bucket NAME`"],
  ["aws", found("raw", "/srv/shop.raw"), { bucket: "--region" }, "expected a name"],
  ["aws", found("raw", "/srv/-.raw"), places.aws, "is not a name of an image"],
  ["aws", found("raw", "/srv/shop.raw"), { ...places.aws, bootKeys: "/keys" }, "takes no keys"],
  ["gce", { ...found("gce", "/srv/shop.tar.gz"), bytes: 37 << 20 }, places.gce, "whole GiB"],
  ["gce", found("gce", "/srv/1shop.tar.gz"), places.gce, "is not a name of an image"],
  ["azure", { ...found("vhd", "/srv/shop.vhd"), bytes: 1536 }, places.azure, "whole MiB"],
  ["aws", found("raw", "/srv/{{TASK}}.raw"), { ...places.aws, name: "shop" }, "has {{"],
] as const)("what %s would not take is refused: %o", (cloud, of, place, words) => {
  expect(() => planPublishing(cloud, of, place)).toThrow(words);
});

describe("the steps", () => {
  const options = { env: { PATH: "/usr/bin:/bin" }, signal, note: () => {} };

  test("are run one after another, with what earlier ones have given", async () => {
    const steps = [
      { does: "prints", program: "echo", args: ["snap-1"], gives: "SNAPSHOT" },
      { does: "prints it", program: "echo", args: ["Id={{SNAPSHOT}}", "--"], gives: "IMAGE" },
    ];
    await expect(runSteps(steps.slice(0, 1), options)).resolves.toEqual({ SNAPSHOT: "snap-1" });
    await expect(runSteps(steps, options)).rejects.toThrow('gave no IMAGE: "Id=snap-1 --"');
    const nothing = [{ does: "finds", program: "echo", args: ["None"], gives: "SNAPSHOT" }];
    await expect(runSteps(nothing, options)).rejects.toThrow('gave no SNAPSHOT: "None"');
  });

  test("say which one has failed, and what is not installed", async () => {
    const fails = { does: "fails", program: "false", args: [] };
    await expect(runSteps([fails], options)).rejects.toThrow("Step 1 of 1 failed (false fails)");
    const none = { does: "copies", program: "no-such-program", args: [] };
    await expect(runSteps([none], options)).rejects.toMatchObject({ code: "tool_missing" });
  });
});
