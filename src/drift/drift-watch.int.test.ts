import { spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exec } from "../lib/process/exec.ts";
import { linkIfThere } from "../lib/process/proc.ts";
import { aCall, until, whyNoContainers } from "../platform/local/test-host.ts";
import { forever, id, watchServers } from "./testing.ts";

const reason = whyNoContainers();
if (reason) console.log(`Drift is not tested: ${reason}.`);

describe.skipIf(reason)("a server that someone changes", () => {
  const w = watchServers();

  test("is found when a process enters it with runc", async () => {
    const runc = spawn("runc", [`--root=${w().t.state.servers}/.host/runc`, "exec", id, "sleep", "100"]);
    try {
      expect(await w().finding("process")).toMatchObject({
        server: id,
        who: expect.stringMatching(/ pid \d+/),
      });
    } finally {
      runc.kill("SIGKILL");
    }
  });

  test.each(["mount", "net", "uts", "ipc", "cgroup", "pid", "user"])(
    "is found when a process enters its %s namespace",
    async (kind) => {
      const child = spawn("nsenter", [
        "-t",
        String(w().subject().process.pid),
        `--${kind}`,
        "/bin/sleep",
        "100",
      ]);
      try {
        expect(await w().finding("process")).toMatchObject({
          server: id,
          who: expect.stringContaining(" uid 0"),
        });
      } finally {
        child.kill("SIGKILL");
      }
    },
  );

  test("is found when a process enters with a 32-bit system call, of which the kernel does not tell", async () => {
    const folder = mkdtempSync("/tmp/kiln-ia32-");
    const program = join(folder, "enter");
    writeFileSync(program, elf32, { mode: 0o700 });
    const namespace = openSync(`/proc/${w().subject().process.pid}/ns/net`, "r");
    const child = spawn(program, { stdio: [namespace, "ignore", "ignore"] });
    child.on("error", () => {});
    try {
      if (child.pid === undefined)
        return console.log("Not tested: this kernel runs no 32-bit programs of x86.");
      await until(() => w().drift.findings().length > 0);
      expect(await w().finding("process")).toMatchObject({ subject: `pid ${child.pid}`, seenBy: "scan" });
    } finally {
      closeSync(namespace);
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });

  test("is found when its limits are changed", async () => {
    await exec(["runc", `--root=${w().t.state.servers}/.host/runc`, "update", "--pids-limit", "2000", id]);
    expect(await w().finding("limit")).toMatchObject({
      subject: "pids.max",
      detail: "pids.max is 2000, it was 1024",
    });
  });

  test("is found when limits of the cgroup above it are changed, and soft ones", async () => {
    const folders = w().subject().cgroupFolders;
    const pids = join(folders.find((path) => path.includes("/pids/")) ?? folders[0] ?? "", "..", "pids.max");
    writeFileSync(pids, "500");
    expect(await w().finding("limit")).toMatchObject({
      subject: expect.stringMatching(/^kiln-.*\/pids\.max$/),
      detail: expect.stringContaining("is 500, it was max"),
    });
    const soft = folders.flatMap((path) =>
      ["memory.high", "memory.soft_limit_in_bytes"].map((n) => join(path, n)),
    );
    for (const file of soft.filter((each) => existsSync(each))) writeFileSync(file, String(32 << 20));
    expect(await w().finding("limit", "^memory\\.(high|soft)")).toMatchObject({ server: id });
  });

  test("is found when it is paused, but not when Kiln itself freezes it", async () => {
    expect(w().inspector.freeze(id)).toBe(true);
    await w().drift.inspect(aCall());
    w().inspector.thaw(id);
    await w().drift.inspect(aCall());
    expect(w().drift.findings()).toEqual([]);
    await exec(["runc", `--root=${w().t.state.servers}/.host/runc`, "pause", id]);
    expect(await w().finding("paused")).toMatchObject({ subject: "cgroup" });
  });

  test("is found when its bundle is edited", async () => {
    appendFileSync(join(w().t.state.servers, id, "hosts"), "192.0.2.1 elsewhere\n");
    expect(await w().finding("bundle")).toMatchObject({ subject: "hosts" });
  });

  test("is found when another program traces it", async () => {
    const { pid } = w().subject().process;
    // PTRACE_SEIZE by the number of ptrace(2), which is another one for each kind of processor
    const ptrace = { x64: 101, arm64: 117 }[process.arch as string];
    if (ptrace === undefined) return console.log(`Not tested: the number of ptrace(2) on ${process.arch}.`);
    const attach = "syscall($ARGV[0], 0x4206, $ARGV[1] + 0, 0, 0) == 0 or die $!; sleep 100";
    const child = spawn("perl", ["-e", attach, String(ptrace), String(pid)]);
    try {
      expect(await w().finding("traced")).toMatchObject({
        subject: `pid ${pid}`,
        who: expect.stringContaining(`pid ${child.pid} `),
      });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is told to be full, until it is not any more", async () => {
    const fill =
      "while [ ! -e /tmp/go ]; do sleep 0.1; done; cat /dev/zero > /tmp/big; sleep 2; true > /tmp/big; ";
    await w().t.run("shop-1-3-1", `${fill} ${forever}`, { memoryBytes: 64 << 20 });
    const pid = w()
      .inspector.subjects()
      .find(({ server }) => server === "shop-1-3-1")?.process.pid;
    writeFileSync(`/proc/${pid}/root/tmp/go`, "");
    expect(await w().finding("full")).toMatchObject({ server: "shop-1-3-1", subject: "/tmp" });
    await until(() => w().drift.findings().length === 0);
  });

  test("is not found for the init that Kiln has placed in it", async () => {
    const other = "shop-1-2-1";
    await w().t.run(other, forever, { init: true });
    await w().drift.inspect(aCall());
    expect(w().drift.findings()).toEqual([]);
    const { pid } = w().subject(other).process;
    expect(linkIfThere(`/proc/${pid}/exe`)).toBe("/dev/init");
  });

  test("and its baseline are found again by the next controller", async () => {
    await w().drift[Symbol.asyncDispose]();
    appendFileSync(join(w().t.state.servers, id, "hosts"), "192.0.2.1 elsewhere\n");
    const next = w().t.reopen();
    w().inspector = next.inspector;
    await w().restart();
    await next.list(aCall());
    expect(w().inspector.subjects()).toHaveLength(1);
    expect(await w().finding("bundle")).toMatchObject({ server: id, subject: "hosts" });
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
