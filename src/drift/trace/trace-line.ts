/** One line of trace_pipe (the kernel's Documentation/trace/ftrace.rst) as far as it matters. */
export type TraceLine =
  /** A system call that ended. */
  | { readonly kind: "exit"; readonly pid: number; readonly call: string; readonly result: bigint }
  /** One that began; the arguments are numbers. */
  | { readonly kind: "enter"; readonly pid: number; readonly call: string; readonly args: Arguments }
  /** A process (or thread) was put into a cgroup. */
  | { readonly kind: "attach"; readonly pid: number; readonly attached: number; readonly cgroup: string }
  | { readonly kind: "exec"; readonly pid: number }
  /** The `oom_score_adj` of `target` was written. */
  | { readonly kind: "oom"; readonly pid: number; readonly target: number }
  /** The buffer was full. */
  | { readonly kind: "lost" };

type Arguments = ReadonlyMap<string, bigint>;

/**
 * Undefined for what is none of these. A process names itself, with newlines if it likes: the last thing that looks like
 * a number and a processor is the kernel's, and nothing but that number is believed.
 */
export function parseTraceLine(line: string): TraceLine | undefined {
  if (/^CPU:\d+ \[LOST \d+ EVENTS\]/.test(line)) return { kind: "lost" };
  const match = /^.*-(\d+) +(?:\([^)]*\) +)?\[\d+\] +\S+ +\d+\.\d+: (.*)$/.exec(line);
  if (!match) return undefined;
  return parseEvent(Number(match[1]), match[2] ?? "");
}

function parseEvent(pid: number, text: string): TraceLine | undefined {
  const exit = /^sys_(\w+) -> (0x[0-9a-f]+)/.exec(text);
  if (exit)
    return { kind: "exit", pid, call: exit[1] ?? "", result: BigInt.asIntN(64, BigInt(exit[2] ?? 0)) };
  const enter = /^sys_(\w+)\((.*)/.exec(text);
  if (enter) return { kind: "enter", pid, call: enter[1] ?? "", args: parseArguments(enter[2] ?? "") };
  const attach = /^cgroup_attach_task: .*?dst_path=(.*?) pid=(\d+) comm=/.exec(text);
  if (attach) return { kind: "attach", pid, attached: Number(attach[2]), cgroup: attach[1] ?? "" };
  const oom = /^oom_score_adj_update: pid=(\d+) /.exec(text);
  if (oom) return { kind: "oom", pid, target: Number(oom[1]) };
  return text.startsWith("sched_process_exec: ") ? { kind: "exec", pid } : undefined;
}

function parseArguments(text: string): Arguments {
  const found = text.matchAll(/(\w+): (0x[0-9a-f]+|\d+)/g);
  return new Map([...found].map(([, name = "", value = "0"]) => [name, BigInt(value)]));
}

/** Puts chunks of a stream together to lines; what comes after the last newline waits for the next chunk. */
export function lineSplitter(): (chunk: string) => readonly string[] {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    return lines;
  };
}
