import { spawn } from "node:child_process";
import { z } from "zod";
import { type ErrorCode, errorCodes } from "../../lib/error-codes.ts";
import { KilnError } from "../../lib/errors.ts";

/** What a deploy led to. */
export interface Deployed {
  readonly release: number;
  /** Undefined: the release served already. */
  readonly rollout: number | undefined;
}

/** `kiln deploy` in a process of its own: a build takes minutes, and what is built comes from elsewhere. */
export interface DeployCommand {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The folder of `kiln.yaml`. */
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Longer builds hang. */
const longestMs = 3_600_000;
/** A build that is asked to end does so within this time. */
const endMs = 20_000;
const mostOutputChars = 1 << 20;

const begun = z.object({ id: z.number(), to: z.number() });
const served = z.object({ release: z.number() });
const place = z.object({ file: z.string(), line: z.number().optional(), column: z.number().optional() });
const fault = z.object({
  ...{ code: z.string(), message: z.string(), hint: z.string().optional() },
  problems: z
    .array(z.object({ place: place.optional(), message: z.string(), hint: z.string().optional() }))
    .default([]),
});

/** Runs it to its end. Throws the error that it ended with, `timed_out`, and `cancelled` when the signal fires. */
export async function runDeploy({ argv, env, cwd, signal }: DeployCommand): Promise<Deployed> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const late = AbortSignal.timeout(longestMs);
  const end = () => {
    signalAll(child.pid, "SIGTERM");
    setTimeout(() => signalAll(child.pid, "SIGKILL"), endMs).unref();
  };
  const stop = AbortSignal.any([signal, late]);
  stop.addEventListener("abort", end, { once: true });
  try {
    const texts = [child.stdout, child.stderr].map(beginningOf);
    const code = await new Promise<number>((done, failed) => {
      child.on("error", failed);
      child.on("close", (status) => done(status ?? 128));
      if (stop.aborted) end();
    });
    const [stdout = "", stderr = ""] = await Promise.all(texts);
    if (code === 0) return resultIn(stdout);
    if (signal.aborted) throw new KilnError("cancelled", "The deploy was cancelled.", { retry: true });
    if (late.aborted)
      throw new KilnError("timed_out", "The deploy did not end within an hour.", { retry: true });
    throw faultIn([stderr, stdout], code);
  } finally {
    stop.removeEventListener("abort", end);
  }
}

/** Whatever it has started ends too. */
function signalAll(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // it has ended
  }
}

async function beginningOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const piece of stream.setEncoding("utf8")) if (text.length < mostOutputChars) text += piece;
  return text;
}

function resultIn(stdout: string): Deployed {
  const document: unknown = JSON.parse(stdout);
  const rollout = begun.safeParse(document);
  if (rollout.success) return { release: rollout.data.to, rollout: rollout.data.id };
  return { release: served.parse(document).release, rollout: undefined };
}

/** The JSON of an error is the last line, or all, of one of the texts. */
function faultIn(texts: readonly string[], code: number): KilnError {
  for (const text of texts) {
    const found = [text, text.trimEnd().split("\n").at(-1) ?? ""]
      .map(parsed)
      .find((one) => one !== undefined);
    if (found !== undefined) return found;
  }
  const last = texts.map((text) => text.trim().split("\n").at(-1)).find((text) => text !== "");
  return new KilnError(
    "command_failed",
    `The deploy exited with ${code}${last ? `: ${last.slice(0, 300)}` : "."}`,
  );
}

function parsed(text: string): KilnError | undefined {
  try {
    const given: unknown = JSON.parse(text);
    const { error } = z.object({ error: z.unknown() }).safeParse(given).data ?? {};
    const { code, message, hint, problems } = fault.parse(error ?? given);
    const known: ErrorCode = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : "internal";
    return new KilnError(known, message, {
      ...(hint === undefined ? {} : { hint }),
      problems: problems.map(({ place: at, message: words, hint: remedy }) => ({
        ...(at === undefined ? {} : { place: placeOf(at) }),
        message: words,
        ...(remedy === undefined ? {} : { hint: remedy }),
      })),
    });
  } catch {
    return undefined;
  }
}

function placeOf({ file, line, column }: z.infer<typeof place>) {
  return { file, ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) };
}
