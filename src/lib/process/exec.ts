import { spawn } from "node:child_process";
import { diskFull, isErrno, KilnError } from "../errors.ts";
import { cleanEnvironment } from "./environment.ts";

export interface ExecOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly input?: string | Buffer;
  /** On top of `cleanEnvironment`; nothing of this process's own environment is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** `/` by default. */
  readonly cwd?: string;
  /** Run as this user and group, without other groups; needs root. */
  readonly as?: { readonly uid: number; readonly gid: number };
  /** A file descriptor that takes the output; `stdout` of the result is then empty. */
  readonly output?: number;
  /** Called with the process number as soon as there is one. */
  readonly started?: (pid: number) => void;
  /** Exit codes that are not failures; only 0 by default. "any" leaves the decision to the caller. */
  readonly accept?: readonly number[] | "any";
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** More than any program that Kiln runs has to say: all packages of a Debian release take 80 MiB. */
const mostOutputBytes = 256 << 20;

/**
 * Runs a program to its end. No shell is involved: `argv[0]` is looked up in `systemPath`, the rest are its
 * arguments.
 * Throws `tool_missing` when the program does not exist, `command_failed` (with the last lines of its stderr)
 * when it fails or writes more than 256 MiB, `disk_full` when its message names that reason, `timed_out` and `cancelled` after killing it.
 */
export function exec(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<ExecResult> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(cancelled(program));
    const child = spawn(program, args, {
      cwd: options.cwd ?? "/",
      env: { ...cleanEnvironment, ...options.env },
      ...options.as,
      stdio: [options.input === undefined ? "ignore" : "pipe", options.output ?? "pipe", "pipe"],
    });
    if (child.pid !== undefined) options.started?.(child.pid);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let stopped: KilnError | undefined;
    let hasExited = false;
    // A process that the program has started may live on and hold these pipes: their end would never come.
    const closePipes = () => {
      if (!stopped || !hasExited) return;
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const stop = (why: KilnError) => {
      stopped ??= why;
      child.kill("SIGKILL");
      closePipes();
    };
    const onAbort = () => stop(cancelled(program));
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => stop(timedOut(argv, options.timeoutMs)), options.timeoutMs);
    const done = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    let bytes = 0;
    const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostOutputBytes) stop(tooMuch(argv));
      else chunks.push(chunk);
    };
    child.stdout?.on("data", keep(out));
    child.stderr?.on("data", keep(err));
    child.stdin?.on("error", () => {}); // the program may end before it has read everything; its exit code decides
    if (options.input !== undefined) child.stdin?.end(options.input);
    child.on("error", (error) => {
      done();
      reject(isErrno(error, "ENOENT") ? missing(program, error) : error);
    });
    child.on("exit", () => {
      hasExited = true;
      closePipes();
    });
    child.on("close", (code) => {
      done();
      const result = {
        code: code ?? 128,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      };
      const accept = options.accept ?? [0];
      if (stopped) reject(stopped);
      else if (accept !== "any" && !accept.includes(result.code)) reject(failed(argv, result));
      else resolve(result);
    });
  });
}

function tooMuch(argv: readonly string[]): KilnError {
  const most = mostOutputBytes >> 20;
  return new KilnError("command_failed", `${argv.slice(0, 3).join(" ")} wrote more than ${most} MiB.`);
}

function missing(program: string, cause: unknown): KilnError {
  return new KilnError("tool_missing", `The program ${program} is not installed.`, {
    permanent: true,
    hint: "`kiln doctor` lists what is missing and how to install it.",
    cause,
  });
}

function failed(argv: readonly string[], result: ExecResult): KilnError {
  if (/No space left on device|Disk quota exceeded/.test(result.stderr)) {
    return diskFull(undefined, new Error(result.stderr.trim()));
  }
  const tail = result.stderr.trim().split("\n").slice(-4).join("\n");
  return new KilnError(
    "command_failed",
    `${argv.slice(0, 3).join(" ")} exited with ${result.code}${tail ? `: ${tail}` : "."}`,
  );
}

function timedOut(argv: readonly string[], ms: number | undefined): KilnError {
  return new KilnError("timed_out", `${argv.slice(0, 3).join(" ")} did not end within ${ms} ms.`, {
    retry: true,
  });
}

function cancelled(program: string): KilnError {
  return new KilnError("cancelled", `${program} was cancelled.`, { retry: true });
}
