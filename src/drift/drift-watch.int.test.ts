import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DriftKind, Finding } from "../domain/drift.ts";
import { systemClock } from "../lib/clock.ts";
import { exec } from "../lib/exec.ts";
import { inodeOf } from "../lib/file-mark.ts";
import { silentLog } from "../lib/log.ts";
import { loopInode, loopState } from "../lib/loop-device.ts";
import { mountLines } from "../lib/mount-table.ts";
import { askedMounts } from "../platform/local/asked-mounts.ts";
import { loopMountArgv, mountedAt } from "../platform/local/mounts.ts";
import type { OciConfig } from "../platform/local/oci-config.ts";
import { aCall, openImages, TestHost, until, whyNoContainers } from "../platform/local/test-host.ts";
import type { Sight, Subject } from "../platform/platform.ts";
import { mountDifferences } from "./check-mounts.ts";
import { type DriftWatch, startDriftWatch } from "./drift-watch.ts";

const reason = whyNoContainers();
if (reason) console.log(`Drift is not tested: ${reason}.`);

describe.skipIf(reason)("a server that somebody changes", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let sight: Sight;
  let drift: DriftWatch;
  const id = "shop-1-1-1";
  const forever = "while :; do sleep 0.2; done";

  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());
  beforeEach(async () => {
    t = new TestHost(images);
    if (!t.host.sight) throw new Error("the local host has sight");
    sight = t.host.sight;
    drift = startDriftWatch({ sight, tag: t.state.tag, clock: systemClock, log: silentLog });
    await t.run(id, forever, { memoryBytes: 64 << 20 });
    await drift.inspect(aCall());
    expect(drift.findings()).toEqual([]);
  });
  afterEach(async () => {
    await drift[Symbol.asyncDispose]();
    await t[Symbol.asyncDispose]();
  });

  function subject(): Subject {
    const found = sight.subjects().find(({ server }) => server === id);
    if (!found) throw new Error("no such subject");
    return found;
  }

  async function finding(kind: DriftKind, what?: string | RegExp): Promise<Finding> {
    const find = () =>
      drift
        .findings()
        .find((f) => f.kind === kind && (what === undefined || new RegExp(what).test(f.subject)));
    await until(() => find() !== undefined);
    const found = find();
    if (!found) throw new Error("found before");
    return found;
  }

  const nsenter = (...args: string[]) => exec(["nsenter", "-t", String(subject().process.pid), ...args]);

  test("is found when a process enters it with runc", async () => {
    const runc = spawn("runc", [`--root=${t.state.servers}/.host/runc`, "exec", id, "sleep", "100"]);
    try {
      expect(await finding("process")).toMatchObject({ server: id, culprit: { pid: expect.any(Number) } });
    } finally {
      runc.kill("SIGKILL");
    }
  });

  test.each(["mount", "net", "uts", "ipc", "cgroup", "pid"])(
    "is found when a process enters its %s namespace",
    async (kind) => {
      const child = spawn("nsenter", ["-t", String(subject().process.pid), `--${kind}`, "/bin/sleep", "100"]);
      try {
        expect(await finding("process")).toMatchObject({ server: id, culprit: { uid: 0 } });
      } finally {
        child.kill("SIGKILL");
      }
    },
  );

  test("is found when a process enters with a 32-bit system call, of which the kernel does not tell", async () => {
    const folder = mkdtempSync("/tmp/kiln-ia32-");
    const program = join(folder, "enter");
    writeFileSync(program, elf32, { mode: 0o700 });
    const namespace = openSync(`/proc/${subject().process.pid}/ns/net`, "r");
    const child = spawn(program, { stdio: [namespace, "ignore", "ignore"] });
    child.on("error", () => {});
    try {
      if (child.pid === undefined)
        return console.log("Not tested: this kernel runs no 32-bit programs of x86.");
      await until(() => drift.findings().length > 0);
      expect(await finding("process")).toMatchObject({ subject: `pid ${child.pid}`, seenBy: "scan" });
    } finally {
      closeSync(namespace);
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });

  test("is found when its root is made writable, and when something is mounted over it", async () => {
    await nsenter("-m", "/bin/mount", "-n", "-t", "tmpfs", "none", "/etc");
    expect(await finding("mount", "^/etc$")).toMatchObject({ detail: expect.stringContaining("tmpfs") });
    await nsenter("-m", "/bin/mount", "-n", "-o", "remount,bind,rw", "/");
    expect(await finding("mount", "^/$")).toMatchObject({ detail: expect.stringContaining("rw") });
  });

  test("is found when its limits are changed", async () => {
    await exec(["runc", `--root=${t.state.servers}/.host/runc`, "update", "--pids-limit", "2000", id]);
    expect(await finding("limit")).toMatchObject({
      subject: "pids.max",
      detail: "pids.max is 2000, it was 1024",
    });
  });

  test("is found when limits of the cgroup above it are changed, and soft ones", async () => {
    const folders = subject().cgroupFolders;
    const pids = join(folders.find((path) => path.includes("/pids/")) ?? folders[0] ?? "", "..", "pids.max");
    writeFileSync(pids, "500");
    expect(await finding("limit")).toMatchObject({
      subject: expect.stringMatching(/^kiln-.*\/pids\.max$/),
      detail: expect.stringContaining("is 500, it was max"),
    });
    const soft = folders.flatMap((path) =>
      ["memory.high", "memory.soft_limit_in_bytes"].map((n) => join(path, n)),
    );
    for (const file of soft.filter((each) => existsSync(each))) writeFileSync(file, String(32 << 20));
    expect(await finding("limit", "^memory\\.(high|soft)")).toMatchObject({ server: id });
  });

  test("and what somebody has mounted over or in its image meanwhile is not taken over", async () => {
    const root = join(
      t.state.servers,
      ".host/roots",
      readdirSync(join(t.state.servers, ".host/roots"))[0] ?? "",
    );
    await exec(["mount", "-t", "tmpfs", "evil", join(root, "srv")]);
    await exec(["mount", "--bind", "/tmp", root]);
    await t.run("shop-1-2-1", forever);
    await drift.inspect(aCall());
    expect(drift.findings()).toEqual([]);
    const { pid } = sight.subjects().find(({ server }) => server === "shop-1-2-1")?.process ?? {};
    expect(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).not.toContain("evil");
    expect(existsSync(`/proc/${pid}/root/bin/sh`)).toBe(true);
  });

  test("is compared with what was asked for, not with what was found", async () => {
    const { pid } = subject().process;
    const config = JSON.parse(readFileSync(join(t.state.servers, id, "config.json"), "utf8")) as OciConfig;
    const asked = { config, rootDevice: undefined, inside: `/proc/${pid}/root` };
    const table = () => readFileSync(`/proc/${pid}/mountinfo`, "utf8");
    expect(askedMounts(table(), asked).join("\n")).toBe(table().trimEnd());
    await nsenter("-m", "/bin/mount", "-n", "-t", "tmpfs", "evil", "/srv");
    await nsenter("-m", "/bin/perl", "-e", "syscall(166, my $at = '/etc/hosts', 0) == 0 or die $!"); // umount2
    const found = mountDifferences(mountLines(askedMounts(table(), asked).join("\n")), mountLines(table()));
    expect(found.map(({ subject: point, detail }) => [point, detail.includes("any more")])).toEqual([
      ["/srv", false],
      ["/etc/hosts", true],
    ]);
    const elsewhere = askedMounts(table(), { ...asked, rootDevice: "0:0" });
    expect(elsewhere.some((line) => line.includes(" / ro,relatime - overlay"))).toBe(false);
  });

  test("may have been changed unseen when tracing was off for an instant, which is told", async () => {
    const instances = "/sys/kernel/tracing/instances";
    if (!existsSync(instances)) return console.log("Not tested: the kernel has no tracefs.");
    await until(() => drift.tier() === "kernel");
    const told = new Set<string>();
    const instance = readdirSync(instances).find((name) => name === `kiln-${t.state.tag}`) ?? "";
    const files = ["tracing_on", "events/syscalls/sys_exit_setns/enable"];
    for (const file of files) {
      told.clear();
      await drift[Symbol.asyncDispose]();
      drift = startDriftWatch({ sight, tag: t.state.tag, clock: systemClock, log: silentLog });
      using _again = drift.watchGap(({ reason, ms }) => told.add(`${reason}: ${ms >= 0 && ms < 60_000}`));
      await until(() => drift.tier() === "kernel");
      for (const value of ["0", "1"]) writeFileSync(join(instances, instance, file), value);
      await until(() => told.size > 0);
      expect([...told][0]).toBe("somebody has written to what is traced: true");
    }
  });

  /** In and out again by setns(2), with what was made there kept open; a thread of the machine's as before. */
  const visit = (work: string) =>
    spawn("perl", [
      "-MSocket",
      "-e",
      `open(HERE, "<", "/proc/self/ns/net") && open(THERE, "<", "/proc/$ARGV[0]/ns/net") or die $!;
       syscall(308, fileno(THERE), 0x40000000) == 0 or die $!;
       ${work};
       syscall(308, fileno(HERE), 0x40000000) == 0 or die $!; sleep 100`,
      String(subject().process.pid),
    ]);

  test("is found when a visitor has left a socket or a link in its network namespace", async () => {
    const listen = (port: number, type: string) =>
      `socket(S${port}, PF_INET, ${type}, 0) && bind(S${port}, sockaddr_in(${port}, INADDR_ANY)) or die $!`;
    const child = visit(
      `${listen(4444, "SOCK_STREAM")}; listen(S4444, 1) or die; ${listen(53, "SOCK_DGRAM")}`,
    );
    try {
      await until(() => readFileSync(`/proc/${subject().process.pid}/net/tcp`, "utf8").includes(":115C "));
      await nsenter("-n", "ip", "link", "add", "name", "left", "type", "bridge");
      await drift.inspect(aCall());
      const culprit = { pid: child.pid, name: "perl" };
      expect(await finding("network", "tcp port 4444")).toMatchObject({ seenBy: "network", culprit });
      expect(await finding("network", "udp port 53")).toMatchObject({ server: id, culprit });
      expect(await finding("network", "left")).toMatchObject({ server: id });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is found soon when somebody listens after a visit", async () => {
    if (!existsSync("/sys/kernel/tracing/instances"))
      return console.log("Not tested: the kernel has no tracefs.");
    await until(() => drift.tier() === "kernel");
    const child = visit(
      "socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(4444, INADDR_ANY)) && listen(S, 1)",
    );
    try {
      expect(await finding("network", "tcp port 4444")).toMatchObject({ culprit: { pid: child.pid } });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is not found for sockets of its own, which two processes hold", async () => {
    const listens =
      "socket(S, PF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(80, INADDR_ANY)) && listen(S, 1) or die";
    await t.run("shop-1-2-1", `perl -MSocket -e '${listens}; fork; sleep 1000'`);
    const { pid } = sight.subjects().find(({ server }) => server === "shop-1-2-1")?.process ?? {};
    await until(() => readFileSync(`/proc/${pid}/net/tcp`, "utf8").includes(":0050 "));
    await drift.inspect(aCall());
    await drift.inspect(aCall());
    expect(drift.findings()).toEqual([]);
  });

  test("is found when it is paused, but not when Kiln itself freezes it", async () => {
    expect(sight.freeze(id)).toBe(true);
    await drift.inspect(aCall());
    sight.thaw(id);
    await drift.inspect(aCall());
    expect(drift.findings()).toEqual([]);
    await exec(["runc", `--root=${t.state.servers}/.host/runc`, "pause", id]);
    expect(await finding("paused")).toMatchObject({ subject: "cgroup" });
  });

  test("is found when its bundle is edited", async () => {
    appendFileSync(join(t.state.servers, id, "hosts"), "192.0.2.1 elsewhere\n");
    expect(await finding("bundle")).toMatchObject({ subject: "hosts" });
  });

  test("is found when somebody traces it", async () => {
    const { pid } = subject().process;
    const attach =
      "import ctypes,sys,time; ctypes.CDLL(None).ptrace(0x4206,int(sys.argv[1]),0,0); time.sleep(100)";
    const child = spawn("python3", ["-c", attach, String(pid)]);
    try {
      expect(await finding("traced")).toMatchObject({ subject: `pid ${pid}`, culprit: { pid: child.pid } });
    } finally {
      child.kill("SIGKILL");
    }
  });

  describe("whose image files are copies of their own", () => {
    let file: string;
    beforeEach(async () => {
      const { layers } = await images.open("any", aCall());
      const [base, ...others] = layers;
      if (!base) throw new Error("the test image has layers");
      file = `${base.file}.copy`;
      copyFileSync(base.file, file);
      await t.run("shop-1-2-1", forever, {}, { layers: [{ ...base, file }, ...others] });
      await drift.inspect(aCall());
    });
    afterEach(async () => {
      await t.destroyAll();
      rmSync(file, { force: true });
    });

    /** Nothing else happens in between: a second later it would be immutable again. */
    const makeChangeable = () => spawnSync("chattr", ["-i", file]).status === 0;

    test.each([
      ["altered", () => appendFileSync(file, "x"), "is not what"],
      ["replaced", () => renameSync(tmpCopy(file), file), "is not what"],
      ["removed", () => rmSync(file), "is gone"],
    ] as const)("is found when one is %s, and the server beside it is not", async (_how, change, detail) => {
      makeChangeable();
      change();
      const found = await finding("image");
      expect(found).toMatchObject({ server: "shop-1-2-1", detail: expect.stringContaining(detail) });
      await drift.inspect(aCall());
      expect(drift.findings().map(({ server }) => server)).toEqual(["shop-1-2-1"]);
    });

    test("is not found when one was made changeable: it is immutable again, and that is told", async () => {
      const restored = new Set<string>();
      using _watch = drift.watchProtection((each) => restored.add(each));
      if (!makeChangeable()) return console.log("Not tested: this file system has no immutable files.");
      await until(() => restored.size > 0);
      expect([...restored]).toEqual([file]);
      expect(() => appendFileSync(file, "x")).toThrow("EPERM");
      expect(drift.findings()).toEqual([]);
    });

    test("is not found when one was only looked at, or given another time", async () => {
      makeChangeable();
      utimesSync(file, new Date(), new Date());
      await exec(["cat", file], { output: openSync("/dev/null", "w") });
      await drift.inspect(aCall());
      expect(drift.findings()).toEqual([]);
    });
  });

  /** As where the kernel mounts block devices alone: LOOP_CHANGE_FD of linux/loop.h, with the name put right after it. */
  test("is found when the file below its loop device is exchanged", async () => {
    const folder = mkdtempSync("/tmp/kiln-loop-");
    const [file, other] = [join(folder, "layer.erofs"), join(folder, "other.erofs")];
    const layer = subject().imageFiles[0];
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
      const through = { ...subject(), imageFiles: [{ ...layer, file, served }] };
      await drift[Symbol.asyncDispose]();
      const looking = { ...sight, subjects: () => [through] };
      drift = startDriftWatch({ sight: looking, tag: t.state.tag, clock: systemClock, log: silentLog });
      await drift.inspect(aCall());
      expect(drift.findings()).toEqual([]);
      const change =
        "open($l, '<', shift) && open($f, '<', shift) && ioctl($l, 0x4C06, fileno($f)) or die $!";
      await exec(["perl", "-e", change, `/dev/${name}`, other]);
      expect(await finding("image")).toMatchObject({ detail: expect.stringContaining(name) });
    } finally {
      await exec(["umount", join(folder, "at")]);
      rmSync(folder, { recursive: true });
    }
  });

  test("is told to be full, until it is not any more", async () => {
    const fill =
      "while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /dev/zero > /tmp/big; sleep 2; true > /tmp/big; ";
    await t.run("shop-1-3-1", `${fill} ${forever}`, { memoryBytes: 64 << 20 });
    const pid = sight.subjects().find(({ server }) => server === "shop-1-3-1")?.process.pid;
    writeFileSync(`/proc/${pid}/root/tmp/go`, "");
    expect(await finding("full")).toMatchObject({ server: "shop-1-3-1", subject: "/tmp" });
    await until(() => drift.findings().length === 0);
  });

  test("and its baseline are found again by the next controller", async () => {
    await drift[Symbol.asyncDispose]();
    appendFileSync(join(t.state.servers, id, "hosts"), "192.0.2.1 elsewhere\n");
    const next = t.reopen();
    if (!next.sight) throw new Error("the local host has sight");
    sight = next.sight;
    drift = startDriftWatch({ sight, tag: t.state.tag, clock: systemClock, log: silentLog });
    await next.list(aCall());
    expect(sight.subjects()).toHaveLength(1);
    expect(await finding("bundle")).toMatchObject({ server: id, subject: "hosts" });
  });
});

/** setns(0, 0), then pause(): a program in the format of elf(5), for x86 with 32 bits. */
const elf32 = Buffer.from(
  [
    "7f454c46 01010100 00000000 00000000 0200 0300 01000000 54800408 34000000",
    "00000000 00000000 3400 2000 0100 0000 0000 0000", // no sections
    "01000000 00000000 00800408 00800408 6b000000 6b000000 05000000 00100000", // one part, as it is
    "b85a010000 31db 31c9 cd80 b81d000000 cd80",
  ]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);

function tmpCopy(file: string): string {
  copyFileSync(file, `${file}.new`);
  appendFileSync(`${file}.new`, "x");
  return `${file}.new`;
}
