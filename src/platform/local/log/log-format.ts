import type { LogLine } from "../../contract/reading.ts";

/** Lines longer than this are given out in pieces: a server that never ends its line must not fill our memory. */
const longestLine = 1024 * 1024;

/**
 * One line of the log format of the Kubernetes container runtime interface, which conmon writes as `k8s-file`:
 * `<RFC 3339 time> <stdout|stderr> <F|P> <text>`. `P` marks a part that the stream's next line continues.
 */
interface LogPart extends LogLine {
  readonly whole: boolean;
}

/** Undefined for what a crash has cut short. */
export function parseLogPart(line: string): LogPart | undefined {
  const match = /^(\S+) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
  const atMs = Date.parse(match?.[1] ?? "");
  if (!match || Number.isNaN(atMs)) return undefined;
  return {
    atMs,
    stream: match[2] === "stderr" ? "stderr" : "stdout",
    text: match[4] ?? "",
    whole: match[3] === "F",
  };
}

/** Puts parts together to the lines that the server wrote. */
export interface LogJoiner {
  push(line: string): readonly LogLine[];
  /** What has begun and never ended. */
  flush(): readonly LogLine[];
}

export function createLogJoiner(): LogJoiner {
  const begun = new Map<LogLine["stream"], LogLine>();
  return {
    push: (line) => {
      const part = parseLogPart(line);
      if (!part) return [];
      const { atMs, text } = begun.get(part.stream) ?? { atMs: part.atMs, text: "" };
      const joined = { atMs, stream: part.stream, text: text + part.text };
      const done = part.whole || joined.text.length >= longestLine;
      if (done) begun.delete(part.stream);
      else begun.set(part.stream, joined);
      return done ? [joined] : [];
    },
    flush: () => {
      const rest = [...begun.values()];
      begun.clear();
      return rest;
    },
  };
}

/** Cuts bytes into lines wherever the chunks end, also within a character. */
export function createLineSplitter(): (chunk: Buffer) => readonly string[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = all.lastIndexOf(0x0a);
    rest = Buffer.from(all.subarray(end + 1));
    return end < 0 ? [] : all.subarray(0, end).toString().split("\n");
  };
}
