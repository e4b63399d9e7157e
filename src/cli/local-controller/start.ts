import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { connect } from "node:net";
import { type ErrorCode, errorCodes } from "../../lib/error-codes.ts";
import { type ErrorJson, KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { withUmask } from "../../lib/files/umask.ts";
import { type Holder, readHolder } from "../../lib/process/holder.ts";
import { ensureStateFolder, type StateFolder, stateError } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { controllerArgv, controllerEnv } from "./command-line.ts";
import { findOutdated, outdatedController } from "./outdated.ts";

/** What starting a controller needs. */
export interface StartOptions {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The program and its arguments; the controller's own by default. */
  readonly argv?: readonly [string, ...string[]];
  /** Use the running controller, whatever code it runs. */
  readonly asItIs?: boolean;
}

/** The result of `ensureController`. */
export interface Ensured {
  /** False: a controller was already running and is used. */
  readonly started: boolean;
  /** The replaced controller, which ran other code. */
  readonly replaced?: Holder;
}

/** A controller answers within this time, or its start has failed: on an emulated processor it needs 20 s. */
const startDeadlineMs = 60_000;
/** A controller that replaces another one also waits for that one to end. */
const replaceDeadlineMs = 100_000;
const retryMs = 10;

/**
 * Resolves once a controller of this command's code listens on the state folder's socket, starting one if there is none.
 * Any number of callers may do so at once: the controllers settle among themselves which one stays, and every caller finds
 * that one. A controller of other code is replaced if a command has started it. Throws the error that the controller ended with,
 * and `controller_outdated` for a controller of other code that was started in another way.
 */
export async function ensureController(options: StartOptions): Promise<Ensured> {
  const { asItIs = false, state } = options;
  const isThere = () => listens(state.controllerSocket);
  if (await isThere()) return asItIs ? { started: false } : replaceOutdated(options);
  await startController(options, [], startDeadlineMs, isThere);
  return { started: true };
}

/** The new controller asks the old one to end, as soon as it can take its place: see `src/main.ts`. */
async function replaceOutdated(options: StartOptions): Promise<Ensured> {
  const { clock, signal, state } = options;
  const found = await findOutdated(state);
  if (found === undefined) return { started: false };
  if (found.holder.startedBy !== "command") throw outdatedController(found);
  const isReplaced = async () => {
    const holder = await readHolder(state.controllerLock);
    return holder?.code?.revision === found.code.revision && listens(state.controllerSocket);
  };
  return withFileLock(
    `${state.controllerLock}.replace`,
    async () => {
      // Another command may have done it meanwhile: then the new controller runs, or is about to.
      if ((await findOutdated(state)) === undefined) return ensureController({ ...options, asItIs: true });
      await startController(options, ["--replace"], replaceDeadlineMs, isReplaced);
      return { started: true, replaced: found.holder };
    },
    { clock, signal },
  );
}

async function startController(
  options: StartOptions,
  args: readonly string[],
  deadlineMs: number,
  isThere: () => Promise<boolean>,
): Promise<void> {
  const log = openControllerLog(options.state);
  try {
    const child = launch(options, args, log.fd);
    await untilThere(options, { child, deadlineMs, isThere }, () => lastError(log));
  } finally {
    closeSync(log.fd);
  }
}

/** Whether something accepts connections on this Unix socket. */
export function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}

/** A controller process that is starting. */
interface Start {
  readonly child: ChildProcess;
  readonly deadlineMs: number;
  readonly isThere: () => Promise<boolean>;
}

interface OpenLog {
  readonly fd: number;
  /** Where this start's lines begin. */
  readonly from: number;
  readonly path: string;
}

function openControllerLog(state: StateFolder): OpenLog {
  ensureStateFolder(state);
  try {
    const fd = openSync(state.controllerLog, "a+", 0o600);
    return { fd, from: fstatSync(fd).size, path: state.controllerLog };
  } catch (error) {
    throw stateError(state.home, error);
  }
}

/** In a session of its own, so that neither Ctrl-C nor a closed terminal reaches it. */
function launch(options: StartOptions, more: readonly string[], logFd: number): ChildProcess {
  const [program, ...args] = [...(options.argv ?? controllerArgv("--json")), ...more] as const;
  const child = withUmask(0o077, () =>
    spawn(program, args, {
      cwd: "/",
      detached: true,
      env: controllerEnv(options.state.home),
      stdio: ["ignore", "ignore", logFd],
    }),
  );
  child.once("error", () => {}); // its exit is seen by `untilThere`
  child.unref();
  return child;
}

/**
 * A child that has ended is not a failure yet: it may have found the controller of another start, which answers soon.
 */
async function untilThere(
  { clock, signal, state }: StartOptions,
  { child, deadlineMs, isThere }: Start,
  lastError: () => ErrorJson | undefined,
): Promise<void> {
  const deadline = clock.elapsed() + deadlineMs;
  let graceUntil = Number.POSITIVE_INFINITY;
  while (!(await isThere())) {
    const now = clock.elapsed();
    if (hasEnded(child) && graceUntil === Number.POSITIVE_INFINITY) {
      graceUntil = lastError()?.code === "state_held" ? now + 5_000 : now + 50;
    }
    if (now >= Math.min(deadline, graceUntil)) throw startFailed(state, { child, deadlineMs }, lastError());
    await clock.sleep(retryMs, signal);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

function startFailed(
  state: StateFolder,
  { child, deadlineMs }: Pick<Start, "child" | "deadlineMs">,
  error: ErrorJson | undefined,
): KilnError {
  if (error !== undefined) return new KilnError(error.code, error.message, error);
  const how = hasEnded(child)
    ? `ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`
    : `did not answer within ${deadlineMs / 1000} s`;
  return new KilnError("controller_unreachable", `The controller was started, but it ${how}.`, {
    hint: `Its log is ${state.controllerLog}. To see its output, run \`kiln controller run\`.`,
  });
}

/** The last line of this start's log that is an error as JSON. */
function lastError(log: OpenLog): ErrorJson | undefined {
  const size = Math.min(fstatSync(log.fd).size - log.from, 64 * 1024);
  const bytes = Buffer.alloc(Math.max(0, size));
  readSync(log.fd, bytes, 0, bytes.length, log.from);
  return bytes
    .toString()
    .split("\n")
    .reverse()
    .map(parseError)
    .find((found) => found !== undefined);
}

function parseError(line: string): ErrorJson | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isErrorJson(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isErrorJson(value: unknown): value is ErrorJson {
  if (typeof value !== "object" || value === null || !("code" in value) || !("message" in value))
    return false;
  return typeof value.message === "string" && isErrorCode(value.code);
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCodes, code);
}
