import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { exec } from "../../lib/process/exec.ts";
import { readIfThere } from "../../lib/process/proc.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Inspector } from "../../platform/linux/subject.ts";
import { openImages, TestHost, until, whyNoContainers } from "../../platform/local/test-host.ts";
import type { Difference } from "../checks/check.ts";
import { createChecks } from "../checks/checks.ts";
import type { WatchGap } from "../gap.ts";
import { startTrace, type Trace } from "./trace.ts";

const reason =
  whyNoContainers() ?? (existsSync("/sys/kernel/tracing") ? undefined : "the kernel has no tracefs");
if (reason) console.log(`Kernel events are not tested: ${reason}.`);

describe.skipIf(reason)("the kernel's events", () => {
  let images: Awaited<ReturnType<typeof openImages>>;
  let t: TestHost;
  let inspector: Inspector;
  let trace: Trace;
  let seen: Difference[];
  let gaps: WatchGap[];
  let changes: (string | undefined)[];
  const id = "shop-1-1-1";

  const open = () =>
    startTrace({
      ...{ inspector, checks: createChecks(silentLog), clock: systemClock, log: silentLog },
      ...{ name: `kiln-${t.state.tag}` },
      tell: (_subject, difference) => seen.push(difference),
      changed: (why) => changes.push(why),
      missed: () => {},
      unclear: (gap) => gaps.push(gap),
      suspect: () => {},
    });

  beforeAll(async () => {
    images = await openImages();
  });
  afterAll(() => images[Symbol.dispose]());
  beforeEach(async () => {
    t = new TestHost(images);
    inspector = t.host.inspector;
    seen = [];
    gaps = [];
    changes = [];
    trace = open();
    await t.run(id, "while :; do sleep 0.2; done");
    await until(() => trace.sees());
  });
  afterEach(async () => {
    await trace[Symbol.asyncDispose]();
    expect(readdirSync("/sys/kernel/tracing/instances").filter((name) => name.includes(t.state.tag))).toEqual(
      [],
    );
    await t[Symbol.asyncDispose]();
  });

  const first = () => String(inspector.subjects()[0]?.process.pid);
  const runc = (...args: string[]) => exec(["runc", `--root=${t.state.servers}/.host/runc`, ...args]);
  const kinds = () => [...new Set(seen.map(({ kind }) => kind))];

  /** The processes that read this installation's events. */
  const readers = () =>
    readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid))
      .filter((pid) => {
        const argv = readIfThere(`/proc/${pid}/cmdline`) ?? "";
        return argv.startsWith("cat\0") && argv.includes(`kiln-${t.state.tag}`);
      })
      .map(Number);

  test.each(["mount", "net", "uts", "ipc", "cgroup", "pid", "user"])(
    "tell who enters a %s namespace",
    async (kind) => {
      const child = spawn("nsenter", ["-t", first(), `--${kind}`, "/bin/sleep", "100"]);
      try {
        await until(() => seen.length > 0);
        expect(seen).toContainEqual(
          expect.objectContaining({ kind: "process", subject: `pid ${child.pid}` }),
        );
        expect(kinds()).toEqual(["process"]);
      } finally {
        child.kill("SIGKILL");
      }
    },
  );

  test("tell who was put into a server's cgroup", async () => {
    const child = spawn("sleep", ["100"]);
    try {
      const folder = inspector.subjects()[0]?.cgroupFolders[0];
      await exec(["sh", "-c", `echo ${child.pid} > ${folder}/cgroup.procs`]);
      await until(() => seen.length > 0);
      expect(seen[0]).toMatchObject({
        kind: "process",
        subject: `pid ${child.pid}`,
        culprit: { name: "sleep" },
      });
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("tell that a process was taken out of its server's cgroup", async () => {
    const folder =
      inspector.subjects()[0]?.cgroupFolders.find((path) => path.includes("pids")) ?? "/sys/fs/cgroup/x/y";
    await exec(["sh", "-c", `echo ${first()} > ${folder.split("/").slice(0, -2).join("/")}/cgroup.procs`]);
    await until(() => seen.length > 0);
    expect(kinds()).toEqual(["limit"]);
  });

  test("tell who runs something with runc, and who mounts", async () => {
    await runc("exec", id, "true");
    await until(() => kinds().includes("process"));
    await exec(["nsenter", "-t", first(), "-m", "/bin/mount", "-n", "-t", "tmpfs", "none", "/etc"]);
    await until(() => kinds().includes("mount"));
    expect(seen.find(({ kind }) => kind === "mount")).toMatchObject({ subject: "/etc" });
  });

  test("tell who traces and who writes to its memory, but not who fails to", async () => {
    const call = (number: number, ...args: (number | string)[]) =>
      exec(["python3", "-c", `import ctypes; ctypes.CDLL(None).syscall(${[number, ...args].join(",")})`]);
    const numbers = { ptrace: 101, processVmWritev: 311 };
    await call(numbers.ptrace, 16, first(), 0, 0);
    await until(() => seen.some(({ detail }) => detail.includes("traced")));
    expect(seen.every(({ subject }) => subject === `pid ${first()}`)).toBe(true);
    seen = [];
    await call(numbers.processVmWritev, first(), 0, 1, 0, 1, 0);
    await call(numbers.processVmWritev, first(), 0, 0, 0, 0, 0); // writes nothing: everyone may
    await runc("exec", id, "true");
    await until(() => kinds().includes("process"));
    expect(kinds()).toEqual(["process"]);
  });

  /** pidfd_open(2) and pidfd_getfd(2), with Debian's smallest perl. */
  const takeFile = (then: string) => ["-e", `${takes}; ${then}`, first()];
  const takes =
    "my $p = syscall(434, $ARGV[0] + 0, 0); syscall(438, $p, 0, 0) >= 0 or die $!; syscall(3, $p) if $ARGV[1]";

  test("tell who takes a file descriptor out of it", async () => {
    const child = spawn("perl", takeFile("sleep 100"));
    try {
      await until(() => seen.length > 0);
      const detail = `pid ${first()} had a file descriptor taken out of it by pid ${child.pid} (perl)`;
      expect(seen).toEqual([expect.objectContaining({ kind: "traced", subject: `pid ${first()}`, detail })]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("report at least that a program took one out of something, and was gone at once", async () => {
    await exec(["perl", ...takeFile("exit"), "and close"]);
    await until(() => seen.length + gaps.length > 0);
    for (const { reason } of gaps) expect(reason).toContain("took a file descriptor out of another");
  });

  test("tell who changes its resource limits, also when that fails right after", async () => {
    const prlimit = (number: number) =>
      `my $new = pack("QQ", 100, 200); my $failed = syscall(302, $ARGV[0] + 0, ${number}, $new, 0)`;
    const works = `{ ${prlimit(7)}; die $! if $failed }`;
    const uid = /^Uid:\t(\d+)/m.exec(readIfThere(`/proc/${first()}/status`) ?? "")?.[1];
    const asUser = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"] as const; // needs no capability
    await exec([...asUser, "perl", "-e", `${works} { ${prlimit(99)}; die unless $failed }`, first()]);
    await until(() => seen.length > 0);
    expect(seen).toEqual([
      expect.objectContaining({ kind: "limit", subject: `pid ${first()} RLIMIT_NOFILE` }),
    ]);
  });

  test("tell who makes it more or less likely to be ended when memory runs out", async () => {
    const file = `/proc/${first()}/oom_score_adj`;
    const told = (score: string) =>
      seen.some(
        ({ kind, detail }) => kind === "limit" && detail.includes(`oom_score_adj was set to ${score}`),
      );
    const write = 'open(F, ">", shift) && syswrite(F, "300") or die $!; sleep 100';
    const child = spawn("perl", ["-e", write, file]);
    try {
      await until(() => told("300"));
    } finally {
      child.kill("SIGKILL");
    }
    const { code } = await exec(["sh", "-c", `echo -500 > ${file}`], { accept: "any" });
    if (code !== 0) return console.log("Lowering it is not tested: CAP_SYS_RESOURCE is missing.");
    await until(() => told("-500"));
  });

  test("say nothing of limits that a server's programs set themselves", async () => {
    const own =
      "ulimit -n 100; sh -c 'echo 300 > /proc/self/oom_score_adj'; echo 200 > /proc/self/oom_score_adj";
    await t.run("shop-1-2-1", `${own}; while :; do sleep 0.2; done`);
    const pid = inspector.subjects().find(({ server }) => server === "shop-1-2-1")?.process.pid;
    await until(() => readIfThere(`/proc/${pid}/oom_score_adj`) === "200\n");
    await runc("exec", id, "true");
    await until(() => kinds().includes("process"));
    expect(kinds()).toEqual(["process"]);
  });

  test("are missed when their reader is killed, which is reported, and come again", async () => {
    const [pid] = readers();
    if (pid === undefined) throw new Error("another program reads");
    process.kill(pid, "SIGKILL");
    await until(() => changes.length >= 3);
    expect(changes).toEqual([undefined, expect.stringContaining("has ended"), undefined]);
    expect(trace.sees()).toBe(true);
    expect(readers()).not.toContain(pid);
  });

  test("arrive whole, also while another program reads what a killed controller has left", async () => {
    await using other = open();
    await until(() => other.sees());
    expect(trace.sees()).toBe(true);
    expect(readers()).toHaveLength(2);
  });

  test("say nothing of what Kiln itself does", async () => {
    await t.run("shop-1-2-1", "while :; do sleep 0.2; done");
    await t.host.stop("shop-1-2-1", 5_000, { signal: AbortSignal.timeout(30_000), deadline: 0 });
    await t.host.destroy(id, { signal: AbortSignal.timeout(30_000), deadline: 0 });
    expect(seen).toEqual([]);
  });
});
