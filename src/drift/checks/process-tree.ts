import { readIfThere } from "../../lib/process/proc.ts";

/** What /proc/PID/status shows, proc(5); numbers are as this process sees them. */
export interface ProcessStatus {
  readonly name: string;
  /** `R`, `S`, `T`, `Z`… */
  readonly state: string;
  readonly parent: number;
  /** The pid that traces it; 0: none. */
  readonly tracer: number;
}

/** Undefined when it is gone. */
export function readStatus(pid: number): ProcessStatus | undefined {
  const text = readIfThere(`/proc/${pid}/status`);
  return text === undefined ? undefined : parseStatus(text);
}

/** The kernel writes newlines and backslashes of a name escaped, so that a line is a line. */
export function parseStatus(text: string): ProcessStatus {
  const field = (name: string) => {
    const at = text.indexOf(`\n${name}:\t`) + name.length + 3;
    return text.slice(at, text.indexOf("\n", at));
  };
  return {
    name: text.slice("Name:\t".length, text.indexOf("\n")),
    state: field("State").charAt(0),
    parent: Number(field("PPid")),
    tracer: Number(field("TracerPid")),
  };
}

/** A process may end while its line is followed up; so often the line is begun again. */
const tries = 5;

/**
 * Whether `first` is `pid` or above it. Within a process-id namespace every orphan becomes a child of its first process
 * (pid_namespaces(7)), and one that came in from outside keeps a parent outside: so this shows which process belongs there.
 * Undefined when the process has ended. `parentOf` reads as it is now.
 */
export function descends(
  pid: number,
  first: number,
  parentOf: (pid: number) => number | undefined,
): boolean | undefined {
  for (let left = tries; left > 0; left -= 1) {
    if (parentOf(pid) === undefined) return undefined;
    const answer = follow(pid, first, parentOf);
    if (answer !== undefined) return answer;
  }
  return false;
}

/**
 * Undefined when a process on the way up ended meanwhile: it is gone, or, while the kernel takes it away, has 0 for its
 * parent (task_state of fs/proc/array.c). One with a parent outside of what this process sees has that forever.
 */
function follow(
  pid: number,
  first: number,
  parentOf: (pid: number) => number | undefined,
): boolean | undefined {
  const seen = new Set<number>();
  for (let at = pid; at > 1 && !seen.has(at); ) {
    if (at === first) return true;
    seen.add(at);
    const parent = parentOf(at);
    if (parent === undefined || parent === 0) return undefined;
    at = parent;
  }
  return false;
}
