import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProcess, linkIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { createProcessCheck } from "./check-processes.ts";
import { programOf } from "./program.ts";

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-processes-");
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null && child.kill("SIGKILL"))
    await once(child, "exit");
  child = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** A process that is one program, then the other, and so on without end. */
function takingTurns(one: string, other: string): number {
  for (const program of [one, other]) copyFileSync("/bin/sh", program);
  const script = join(folder, "turn");
  writeFileSync(script, 'exec "$2" "$0" "$2" "$1"\n');
  child = spawn(one, [script, one, other], { stdio: "ignore" });
  return child.pid ?? 0;
}

/** As if the process were a server of its own, with these mount points besides its root. */
function serverOf(pid: number, ...points: readonly string[]): Subject {
  writeFileSync(join(folder, "cgroup.procs"), `${pid}\n`);
  const mounts = ["/", ...points].map((point) => `/ ${point} ro - ext4 none`);
  return {
    ...{ server: "shop-1-1-1", service: "shop", release: 1, cgroup: "", cgroupFolders: [folder] },
    process: findProcess(pid) ?? { pid, startTicks: 0 },
    baseline: { mounts, namespaces: {}, limits: [], bundle: [] },
    imageFiles: [],
  };
}

/** Looks until the process was seen so often as each of the programs. */
function lookUntilSeen(pid: number, programs: readonly string[], times: number, look: () => void): void {
  const seen = new Map(programs.map((program) => [program, 0]));
  while ([...seen.values()].some((count) => count < times)) {
    look();
    const program = linkIfThere(`/proc/${pid}/exe`) ?? "the process has ended";
    const count = seen.get(program);
    if (count === undefined) throw new Error(program);
    seen.set(program, count + 1);
  }
}

test("a process that goes from one program of its image to another is never taken for a third", {
  timeout: 60_000,
}, () => {
  const programs = [join(folder, "one"), join(folder, "other")] as const;
  const pid = takingTurns(...programs);
  const subject = serverOf(pid);
  lookUntilSeen(pid, programs, 1_000, () => {
    // A check that remembers the process looks at the half of its programs only.
    expect(
      createProcessCheck()
        .look(subject)
        .filter(({ kind }) => kind === "program"),
    ).toEqual([]);
  });
});

test("a process that goes to a program from elsewhere and back again is found by it", {
  timeout: 60_000,
}, async () => {
  const own = join(folder, "own");
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(elsewhere);
  const foreign = join(elsewhere, "foreign");
  const pid = takingTurns(own, foreign);
  const { look } = createProcessCheck();
  const subject = serverOf(pid, elsewhere);
  const found = () => look(subject).find(({ kind }) => kind === "program");
  await expect.poll(found, { timeout: 50_000, interval: 1 }).toMatchObject({
    detail: `pid ${pid} runs ${foreign}, which is not a file of its image`,
    culprit: { pid, executable: foreign },
  });
});

test("what a server's first process leaves when it ends is not judged by files that are out of reach", async () => {
  const turn = "(read go <&3; exec sleep 600) & echo $!; wait";
  const first = spawn("sh", ["-c", turn], { stdio: ["ignore", "pipe", "inherit", "pipe"] });
  const pid = Number(await once(first.stdout as Readable, "data"));
  try {
    const subject = serverOf(first.pid ?? 0);
    writeFileSync(join(folder, "cgroup.procs"), `${pid}\n`);
    const { look } = createProcessCheck();
    const programs = () => look(subject).filter(({ kind }) => kind === "program");
    expect(programs()).toEqual([]);
    const before = linkIfThere(`/proc/${pid}/exe`);
    first.kill("SIGKILL");
    await once(first, "exit");
    (first.stdio[3] as Writable).write("\n");
    await expect.poll(() => linkIfThere(`/proc/${pid}/exe`), { timeout: 50_000 }).not.toBe(before);
    expect(programs()).toEqual([]);
  } finally {
    process.kill(pid, "SIGKILL");
  }
});

test("nothing runs in a process that has ended", () => {
  expect(programOf(4_194_305)).toBeUndefined();
});
