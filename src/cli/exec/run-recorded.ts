import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { cleanEnvironment } from "../../lib/process/environment.ts";
import type { Transcript } from "./transcript.ts";

/** The process's own streams, as the command in the server gets them. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
}

/** How long a command may take to end after it was asked to. */
const endMs = 5_000;

/**
 * Runs the command with these streams and returns its exit code; all input and output is recorded. A terminal is in
 * raw mode meanwhile, and is passed as the command's stderr so that its size can be read.
 */
export async function runRecorded(
  [program = "", ...args]: readonly string[],
  { stdin, stdout, stderr }: Streams,
  options: { readonly terminal: boolean; readonly transcript: Transcript; readonly signal: AbortSignal },
): Promise<number> {
  const { terminal, transcript, signal } = options;
  const world = { cwd: "/", env: cleanEnvironment };
  const child = terminal
    ? spawn(program, args, { ...world, stdio: ["pipe", "pipe", "inherit"] })
    : spawn(program, args, { ...world, stdio: "pipe" });
  const stop = () => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), endMs).unref();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const record = (direction: "i" | "o" | "e") => (bytes: Buffer) => transcript.record(direction, bytes);
  child.stdin.on("error", () => {}); // the command may end before it has read everything
  child.stdout.on("data", record("o")).pipe(stdout, { end: false });
  child.stderr?.on("data", record("e")).pipe(stderr, { end: false });
  if (terminal) stdin.setRawMode(true);
  stdin.on("data", record("i")).pipe(child.stdin);
  try {
    const [code, name] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return code ?? 128 + (name === null ? 0 : constants.signals[name]);
  } finally {
    signal.removeEventListener("abort", stop);
    stdin.unpipe(child.stdin).pause();
    if (terminal) stdin.setRawMode(false);
  }
}
