import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks per second in /proc: USER_HZ is 100 on every architecture that Linux runs on here (proc(5)). */
const ticksPerSecond = 100;

/** What some processes have used until now, and hold now. */
export interface Usage {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Of these processes and all their living descendants, and the CPU time of the ended ones that they waited for. */
export function usageOf(pids: readonly number[]): Usage {
  const all = withDescendants(pids).map(readUsage);
  return {
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    residentBytes: all.reduce((sum, { residentBytes }) => sum + residentBytes, 0),
  };
}

/** Running processes whose command line has this text. */
export function findProcesses(text: string): readonly number[] {
  return processIds().filter((pid) => readProc(pid, "cmdline").replaceAll("\0", " ").includes(text));
}

function withDescendants(pids: readonly number[]): readonly number[] {
  const parents = new Map(processIds().map((pid) => [pid, Number(statFields(pid)[1])]));
  const found = new Set(pids);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** proc(5), /proc/pid/stat: utime, stime, cutime, cstime are the fields 14 to 17. */
function readUsage(pid: number): Usage {
  const ticks = statFields(pid)
    .slice(11, 15)
    .reduce((sum, field) => sum + Number(field), 0);
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, "status"))?.[1] ?? 0;
  return { cpuMs: (ticks / ticksPerSecond) * 1000, residentBytes: Number(resident) * 1024 };
}

/** The fields after the name, which alone may hold spaces and parentheses: state, ppid and so on. */
function statFields(pid: number): readonly string[] {
  return (readProc(pid, "stat").split(") ").at(-1) ?? "").split(" ");
}

/** Empty for a process that has ended. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function processIds(): readonly number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}
