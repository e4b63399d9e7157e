import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { VolumeSpec } from "../../../domain/spec/volume-spec.ts";
import { exec } from "../../../lib/process/exec.ts";
import { findProcess, linkIfThere } from "../../../lib/process/proc.ts";
import { taint } from "../../conformance/subject.ts";
import { cgroupFolders, membersOf, serverCgroup, setFrozen } from "../../linux/cgroups.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../test-host.ts";

const reason = whyNoContainers();
if (reason) console.log(`Volumes are not tested: ${reason}.`);

const mib = 1024 * 1024;

describe.skipIf(reason)("volumes of the local host", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());
  beforeEach(() => {
    t = new TestHost(images);
  });
  afterEach(async () => {
    try {
      await t.destroyAll();
      expect(await t.traces()).toEqual([]);
    } finally {
      await t[Symbol.asyncDispose]();
    }
  });

  const [first, second] = ["shop-1-1-1", "shop-1-2-1"];
  const forever = "while :; do sleep 1; done";
  const key = { service: "shop", name: "data" };
  const volumes = (more: Partial<VolumeSpec> = {}) => ({
    volumes: [{ name: "data", path: "/data", shared: false, ...more }],
  });
  const folder = () => join(t.state.volumes, "shop/data");

  test("a volume with a size is full at that size, keeps what is in it, and grows", async () => {
    const fill = "dd if=/dev/zero of=/data/zeros bs=65536 count=10000 2>/dev/null; ls -s /data/zeros";
    await t.run(first, `echo kept > /data/file; ${fill}`, volumes({ sizeBytes: 16 * mib }));
    const small = Number((await t.output(first)).split(" ")[0]);
    expect(small).toBeGreaterThan(8 * 1024);
    expect(small).toBeLessThan(16 * 1024);
    expect(statSync(join(folder(), "image")).blocks * 512).toBeGreaterThanOrEqual(16 * mib);
    await t.host.destroy(first, aCall());
    await t.run(first, `cat /data/file; ${fill}`, volumes({ sizeBytes: 48 * mib }));
    const [kept, size = ""] = (await t.output(first)).split("\n");
    expect(kept).toBe("kept");
    expect(Number(size.split(" ")[0])).toBeGreaterThan(32 * 1024);
    await t.host.destroy(first, aCall());
    await t.run(first, "cat /data/file", volumes({ sizeBytes: 16 * mib }));
    expect(await t.output(first)).toBe("kept");
    expect(statSync(join(folder(), "image")).size).toBe(48 * mib);
  });

  test.each([{}, { sizeBytes: 16 * mib }])(
    "data follows the image's user to another number: %j",
    async (size) => {
      await t.run(first, "mkdir /data/below; echo one > /data/below/file", volumes(size), {
        uid: 1000,
        gid: 1000,
      });
      await t.output(first);
      await t.host.destroy(first, aCall());
      const append = "echo two >> /data/below/file && cat /data/below/file";
      await t.run(first, append, volumes(size), { uid: 2000, gid: 2000 });
      expect(await t.output(first)).toBe("one\ntwo");
    },
  );

  test("programs in a volume cannot be executed, and devices have no effect", async () => {
    await t.run(first, "cp /bin/id /data/id; chmod 755 /data/id; /data/id 2>&1; echo code $?", volumes(), {
      uid: 0,
      gid: 0,
    });
    expect(await t.output(first)).toMatch(/denied\ncode 126/);
  });

  test("its mount is part of the baseline, and what is in it is not", async () => {
    await t.run(first, `echo written > /data/file; ${forever}`, volumes({ sizeBytes: 16 * mib }));
    const [subject] = t.host.inspector.subjects();
    const lines = (subject?.baseline.mounts ?? []).filter((line) => line.includes(" /data "));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/rw,nosuid,nodev,noexec/);
  });

  test("a server whose record is lost still has its volume", async () => {
    await t.run(first, forever, volumes());
    rmSync(join(t.state.servers, first), { recursive: true });
    const host = t.reopen();
    const next = { id: second, release: (await t.run("other-1-1-1", forever)).release };
    const release = { ...next.release, shape: { ...next.release.shape, ...volumes() } };
    await expect(host.create({ id: second, release }, aCall())).rejects.toMatchObject({
      code: "volume_in_use",
      message: expect.stringContaining(first),
    });
    await host.list(aCall()); // ends what has no record
    expect(await host.create({ id: second, release }, aCall())).toMatchObject({ state: "running" });
  });

  test("a server of many processes has let go of its volume when its quarantine is done", async () => {
    const many = "i=0; while [ $i -lt 200 ]; do sleep 1000 & i=$((i+1)); done; touch /data/all; wait";
    await t.run(first, many, volumes());
    await until(() => existsSync(join(folder(), "data/all")), 60_000);
    await t.host.quarantine(first, taint, aCall());
    const left = cgroupFolders(serverCgroup(t.state.tag, first)).flatMap(membersOf).filter(findProcess);
    expect(left).toEqual([]);
    expect(await t.run(second, forever, volumes())).toMatchObject({ state: "running" });
  });

  test("a job gets no volume that one server at a time may have", async () => {
    await t.run(first, forever, volumes());
    const { release } = (await t.find(first)) ?? {};
    if (release === undefined) throw new Error("the server is there");
    const command = ["/bin/sh", "-c", "ls -A /data; touch /data/file || echo refused"];
    await t.host.runJob?.({ id: "shop-1-7_migrate", release, command }, aCall());
    expect(await t.output("shop-1-7_migrate")).toMatch(/^refused$/m);
  });

  test("servers that a killed controller has stopped for a snapshot continue", async () => {
    await t.run(first, "while :; do echo tick; sleep 0.1; done", volumes());
    const folders = cgroupFolders(serverCgroup(t.state.tag, first));
    writeFileSync(join(folder(), "paused.json"), JSON.stringify([first]));
    setFrozen(folders, true);
    const before = (await t.lines(first)).length;
    await t.reopen().list(aCall());
    expect(existsSync(join(folder(), "paused.json"))).toBe(false);
    await until(async () => (await t.lines(first)).length > before + 2);
  });

  test("a snapshot of a server at work has one moment of it, and the server is seen again", async () => {
    const count = "i=0; while :; do i=$((i+1)); echo $i >> /data/a; echo $i >> /data/b; done";
    await t.run(first, count, volumes());
    await until(() => existsSync(join(folder(), "data/b")));
    const { id } = (await t.host.volumes?.snapshot(key, aCall())) ?? { id: "" };
    const lines = (name: string) =>
      readFileSync(join(folder(), "snapshots", id, "data", name), "utf8").split("\n").length;
    expect([lines("b"), lines("b") + 1]).toContain(lines("a"));
    expect(t.host.inspector.subjects().map(({ server }) => server)).toEqual([first]);
  });

  test("a snapshot whose removal is cut off is gone, and swept with the next one", async () => {
    await t.run(first, "echo one > /data/file", volumes());
    await t.output(first);
    await t.host.destroy(first, aCall());
    const make = async () => (await t.host.volumes?.snapshot(key, aCall()))?.id ?? "";
    const known = async () =>
      (await t.host.volumes?.list("shop", aCall()))?.[0]?.snapshots.map(({ id }) => id);
    const id = await make();
    const busy = (name: string) => join(folder(), "snapshots", name, "data/busy");
    mkdirSync(busy(id));
    await exec(["mount", "-t", "tmpfs", "tmpfs", busy(id)]);
    await expect(t.host.volumes?.remove(key, id, aCall())).rejects.toThrow();
    expect(await known()).toEqual([]);
    const next = await make();
    expect(await known()).toEqual([next]);
    expect(readdirSync(join(folder(), "snapshots"))).toEqual([next]);
  });

  test("a shared volume is had by several at once, and one with another user is refused", async () => {
    const shared = volumes({ shared: true });
    await t.run(first, `echo from first > /data/file; ${forever}`, shared);
    await until(() => existsSync(join(folder(), "data/file")));
    await t.run(second, "cat /data/file", shared);
    expect(await t.output(second)).toBe("from first");
    await t.host.destroy(second, aCall());
    const other = t.run(second, forever, shared, { uid: 3000, gid: 3000 });
    await expect(other).rejects.toMatchObject({ code: "volume_invalid" });
    const alone = t.run(second, forever, volumes());
    await expect(alone).rejects.toMatchObject({ code: "volume_in_use" });
  });

  /** Nothing runs any more, and the volume has the file `/data/file` of one line, `one`. */
  async function unused(size: Partial<VolumeSpec> = {}) {
    await t.run(first, "echo one > /data/file", volumes(size));
    await t.output(first);
    await t.host.destroy(first, aCall());
    const { volumes: keeper } = t.host;
    if (keeper === undefined) throw new Error("the local host keeps volumes");
    return keeper;
  }

  test("what a killed controller has left of its work with volumes is put back, or removed", async () => {
    const keeper = await unused();
    const { id } = await keeper.snapshot(key, aCall());
    // In the middle of a restore.
    renameSync(join(folder(), "data"), join(folder(), "data.old"));
    await keeper.restore(key, id, aCall());
    const [, kept] = (await keeper.list("shop", aCall()))[0]?.snapshots ?? [];
    const copy = join(folder(), "snapshots", kept?.id ?? "", "data/file");
    expect(readFileSync(copy, "utf8")).toBe("one\n");
    const left = ["data.old", "data.import.new", "snapshots/x.new", "../other.new"].map((name) =>
      join(folder(), name),
    );
    for (const path of left) mkdirSync(join(path, "below"), { recursive: true });
    await t.reopen().list(aCall());
    await until(() => !left.some((path) => existsSync(path)), 60_000);
    await until(() => readdirSync(folder()).every((name) => !name.endsWith(".new")), 60_000);
    expect(readFileSync(join(folder(), "data/file"), "utf8")).toBe("one\n");
  });

  test("two read one snapshot at once", async () => {
    const keeper = await unused({ sizeBytes: 16 * mib });
    const { id } = await keeper.snapshot(key, aCall());
    const read = () => keeper.read(key, id, aCall().signal)[Symbol.asyncIterator]();
    const [one, other] = [read(), read()];
    expect([(await one.next()).done, (await other.next()).done]).toEqual([false, false]);
    await one.return?.();
    const chunks: Uint8Array[] = [];
    for (let next = await other.next(); !next.done; next = await other.next()) chunks.push(next.value);
    await other.return?.();
    expect(readdirSync(folder()).filter((name) => name.startsWith("export"))).toEqual([]);
  });

  test("a volume with a size is mounted for its next server while another mount namespace keeps a copy of its mount", async () => {
    const size = volumes({ sizeBytes: 16 * mib });
    await t.run(first, `echo one > /data/file; ${forever}`, size);
    await until(() => existsSync(join(folder(), "disk/data/file")), 60_000);
    const keeps = spawn("unshare", ["--mount", "sleep", "1000"], { stdio: "ignore" });
    try {
      const namespace = () => linkIfThere(`/proc/${keeps.pid}/ns/mnt`);
      await until(
        () => namespace() !== undefined && namespace() !== linkIfThere("/proc/self/ns/mnt"),
        60_000,
      );
      await t.host.destroy(first, aCall());
      const { id } = (await t.host.volumes?.snapshot(key, aCall())) ?? { id: "" };
      await t.run(second, "echo two >> /data/file; cat /data/file", size);
      expect(await t.output(second)).toBe("one\ntwo");
      await t.host.destroy(second, aCall());
      await t.host.volumes?.restore(key, id, aCall());
      await t.run(first, "cat /data/file", size);
      expect(await t.output(first)).toBe("one");
    } finally {
      keeps.kill("SIGKILL");
    }
  });

  test("an import that waits for its sender is in no one's way, and says what cannot be unpacked", async () => {
    const keeper = await unused();
    const { promise: come, resolve: send } = Promise.withResolvers<void>();
    async function* slow() {
      await come;
      yield Buffer.alloc(10_240); // an archive with nothing in it
    }
    const slowly = keeper.write(key, slow(), aCall());
    slowly.catch(() => {});
    await until(() => existsSync(join(folder(), "data.import.new")), 60_000);
    await expect(keeper.remove(key, undefined, aCall())).rejects.toMatchObject({ code: "volume_in_use" });
    await t.run(second, forever, volumes());
    send();
    await expect(slowly).rejects.toMatchObject({ code: "volume_in_use" });
    await t.host.destroy(second, aCall());
    async function* noise() {
      for (let i = 0; i < 64; i += 1) yield Buffer.alloc(mib, "words ");
    }
    await expect(keeper.write(key, noise(), aCall())).rejects.toMatchObject({ code: "usage" });
    expect(readFileSync(join(folder(), "data/file"), "utf8")).toBe("one\n");
  });

  test("folders deeper than a path can say are named as what forbids a snapshot, unless the volume has a size", async () => {
    const deeper = 'for (1 .. 50) { my $name = "x" x 100; mkdir $name; chdir $name or die }';
    const dig = `cd /data; perl -e '${deeper}'`;
    await t.run(first, dig, volumes());
    await t.output(first);
    const snapshot = (name: string) => t.host.volumes?.snapshot({ service: "shop", name }, aCall());
    await expect(snapshot("data")).rejects.toMatchObject({ code: "volume_invalid", permanent: true });
    expect(readdirSync(join(folder(), "snapshots"))).toEqual([]);
    await t.host.destroy(first, aCall());
    await t.run(first, dig, volumes({ name: "disk", sizeBytes: 16 * mib }));
    await t.output(first);
    expect(await snapshot("disk")).toMatchObject({ reason: "asked" });
  });
});
