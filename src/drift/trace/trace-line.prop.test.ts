import fc from "fast-check";
import { expect, test } from "vitest";
import { lineSplitter, parseTraceLine } from "./trace-line.ts";

const head = (comm: string, pid: number) =>
  `${comm.padStart(16)}-${String(pid).padEnd(7)} [001] d..1. 13042.935602: `;

test("reads what trace_pipe writes", () => {
  const lines = [
    `${head("nsenter", 3488)}sys_setns -> 0x0`,
    `${head("mount", 12)}sys_mount -> 0xffffffffffffffff`,
    `${head("sh", 3490)}cgroup_attach_task: dst_root=8 dst_id=63701 dst_level=1 dst_path=/kiln-a/b c pid=3491 comm=sh`,
    `${head("gdb", 7)}sys_ptrace(request: 0x10, pid: 0x1869f, addr: 0, data: 0)`,
    `${head("x", 9)}sched_process_exec: filename=/dev/fd/3 pid=9 old_pid=9`,
    `${head("sh", 9)}oom_score_adj_update: pid=10 comm=a b oom_score_adj=-1000`,
    "CPU:1 [LOST 15 EVENTS]",
    "",
  ];
  expect(lines.map(parseTraceLine)).toEqual([
    { kind: "exit", pid: 3488, call: "setns", result: 0n },
    { kind: "exit", pid: 12, call: "mount", result: -1n },
    { kind: "attach", pid: 3490, attached: 3491, cgroup: "/kiln-a/b c" },
    {
      ...{ kind: "enter", pid: 7, call: "ptrace" },
      args: new Map([
        ["request", 16n],
        ["pid", 99999n],
        ["addr", 0n],
        ["data", 0n],
      ]),
    },
    { kind: "exec", pid: 9 },
    { kind: "oom", pid: 9, target: 10 },
    { kind: "lost" },
    undefined,
  ]);
});

/** Whatever a process calls itself: 15 bytes at most, prctl(2). */
const comm = fc.string({ unit: fc.constantFrom(..."ab -1[]0.:\n()>x"), maxLength: 15 });

test("no name hides who made a call", () => {
  fc.assert(
    fc.property(comm, fc.integer({ min: 2, max: 4_194_304 }), (name, pid) => {
      const lines = lineSplitter()(`${head(name, pid)}sys_setns -> 0x0\n`);
      expect(lines.map(parseTraceLine)).toContainEqual({ kind: "exit", pid, call: "setns", result: 0n });
    }),
  );
});

test("lines are the same however a stream is cut into chunks", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 10 })), (chunks) => {
      const split = lineSplitter();
      const lines = [...chunks, "\n"].flatMap((chunk) => split(chunk));
      expect(lines).toEqual(`${chunks.join("")}\n`.split("\n").slice(0, -1));
    }),
  );
});
