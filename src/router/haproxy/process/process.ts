import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, truncate } from "node:fs/promises";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { findProcess, isEnding } from "../../../lib/process/proc.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import { portTaken } from "../config/ports.ts";
import type { RouterPaths } from "../paths.ts";
import { type Processes, parseProcesses } from "./replies.ts";
import { ask } from "./socket.ts";

const startTimeoutMs = 15_000;
const endTimeoutMs = 15_000;
const patienceMs = 5_000;
const pollMs = 10;
const longestLogBytes = 4 * 1024 * 1024;

/** What every step of work on the running HAProxy needs. */
export interface ProcessContext {
  readonly paths: RouterPaths;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Neither opening, reading nor writing waits, and the pipe has an end to write to as long as HAProxy lives. */
export const openPipe = constants.O_RDWR | constants.O_NONBLOCK;

/** Before the configuration is written that names it. One that is there stays: someone may read from it. */
export async function makeAccessPipe({ paths, signal }: ProcessContext): Promise<void> {
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  const present = await stat(paths.accessPipe).catch(() => undefined);
  if (present?.isFIFO()) return;
  await rm(paths.accessPipe, { force: true });
  await exec(["mkfifo", "-m", "600", paths.accessPipe], { signal });
}

/** Writes the configuration in place of the present one, after HAProxy itself has found no fault in it. */
export async function installConfig(text: string, { paths, signal }: ProcessContext): Promise<void> {
  // The worker has to find its sockets there as another user; no other user gets into the folder above it.
  await mkdir(paths.jail, { recursive: true, mode: 0o700 });
  await chmod(paths.jail, 0o711);
  await writeFileAtomic(paths.candidate, text, { durable: false });
  const argv = ["haproxy", "-c", "-f", paths.candidate] as const;
  const result = await exec([...argv], { signal, accept: "any" });
  if (result.code !== 0) throw failed("HAProxy refused its configuration", result.stderr);
  await rename(paths.candidate, paths.config);
}

/** The processes that answer on the master socket; undefined when there are none. */
export async function processes({ paths, signal }: ProcessContext): Promise<Processes | undefined> {
  return parseProcesses((await ask(paths.masterSocket, ["show proc"], signal)) ?? "");
}

/**
 * Starts HAProxy from its configuration file, in a session of its own so that it outlives its starter, and resolves
 * when it serves. Throws `port_taken`, or `router_failed` with HAProxy's own words.
 */
export async function start(context: ProcessContext): Promise<void> {
  const { paths, clock, signal } = context;
  await endAll(context);
  await Promise.all([paths.runtimeSocket, paths.masterSocket].map((path) => rm(path, { force: true })));
  const from = await prepareLog(paths);
  const hasEnded = await launch(paths);
  const untilMs = clock.elapsed() + startTimeoutMs;
  while ((await ask(paths.runtimeSocket, ["show info"], signal)) === undefined) {
    if (hasEnded()) throw failed("HAProxy did not start", await logSince(paths, from));
    if (clock.elapsed() > untilMs)
      throw failed("HAProxy did not serve within 15 s", await logSince(paths, from));
    await clock.sleep(pollMs, signal);
  }
}

/** Returns a function that says whether the process has ended. */
async function launch(paths: RouterPaths): Promise<() => boolean> {
  let ended = false;
  await using log = await open(paths.log, "a", 0o600);
  await using pipe = await open(paths.accessPipe, openPipe);
  const master = `${paths.masterSocket},mode,600,level,admin`;
  const child = spawn("haproxy", ["-W", "-S", master, "-f", paths.config], {
    cwd: "/",
    detached: true,
    env: cleanEnvironment, // HAProxy shows its environment on the runtime socket
    stdio: ["ignore", log.fd, log.fd, pipe.fd],
  });
  child.once("exit", () => {
    ended = true;
  });
  child.once("error", () => {
    ended = true;
  });
  child.unref();
  return () => ended;
}

/**
 * Makes the running HAProxy read its file again: a new worker takes over the listening sockets, the old one finishes
 * what it has. Resolves when only the new worker takes connections; throws like `start`, and then the old one does.
 */
export async function reload(before: Processes, context: ProcessContext): Promise<void> {
  const { paths, clock, signal } = context;
  const from = await prepareLog(paths);
  await ask(paths.masterSocket, ["reload"], signal);
  const untilMs = clock.elapsed() + startTimeoutMs;
  // The master replaces itself and is deaf for some milliseconds.
  for (;;) {
    const now = await processes(context);
    if (now && now.reloads > before.reloads) {
      if (now.failedReloads > 0) throw failed("HAProxy could not reload", await logSince(paths, from));
      if (await hasTakenOver(now, context)) return;
    }
    if (clock.elapsed() > untilMs)
      throw failed("HAProxy did not reload within 15 s", await logSince(paths, from));
    await clock.sleep(pollMs, signal);
  }
}

/** For a moment both workers accept from the same sockets, the runtime socket among them. */
async function hasTakenOver(now: Processes, { paths, signal }: ProcessContext): Promise<boolean> {
  const infos = now.leaving.map((pid) => ask(paths.masterSocket, [`@!${pid} show info`], signal));
  const leaving = (await Promise.all(infos)).filter((info) => info !== undefined && /^Pid: /m.test(info));
  if (leaving.some((info) => /^Stopping: 0$/m.test(info ?? ""))) return false;
  return (
    now.worker !== undefined && pidIn(await ask(paths.runtimeSocket, ["show info"], signal)) === now.worker
  );
}

/** The pid in an answer to `show info`. */
export function pidIn(reply: string | undefined): number | undefined {
  const pid = /^Pid: (\d+)$/m.exec(reply ?? "")?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/**
 * Ends every HAProxy that runs on this configuration file, and waits until it is gone. Once begun it is not cancelled: a
 * worker whose master has ended would be left without control. Throws `router_failed` after 15 s.
 */
export async function endAll({ paths, clock }: Pick<ProcessContext, "paths" | "clock">): Promise<void> {
  const startMs = clock.elapsed();
  for (let pids = await findAll(paths); pids.length > 0; pids = await findAll(paths)) {
    const waitedMs = clock.elapsed() - startMs;
    if (waitedMs > endTimeoutMs) throw failed(`HAProxy does not end (pid ${pids.join(", ")})`, "");
    for (const pid of pids) kill(pid, waitedMs > patienceMs ? "SIGKILL" : "SIGTERM");
    await clock.sleep(pollMs);
  }
}

/** By their arguments, since the sockets say nothing of a master that was killed while its worker was not. */
async function findAll(paths: RouterPaths): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const argv = line.split("\0");
      const isOurs = argv[0]?.endsWith("haproxy") && argv[argv.lastIndexOf("-f") + 1] === paths.config;
      return isOurs || (line === "" && (await isLeaving(pid))) ? Number(pid) : 0;
    }),
  );
  return found.filter((pid) => pid > 0);
}

/** A process that is about to end no longer has arguments, whether HAProxy's or not, and may still hold its ports. */
async function isLeaving(pid: string): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
  if (name !== "haproxy\n" || !isEnding(Number(pid))) return false;
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []); // the first may be a zombie before the others are
  return findProcess(Number(pid)) !== undefined || threads.length > 1;
}

function kill(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** Keeps the log bounded; returns where what comes now begins. HAProxy appends, so cutting it short is safe. */
async function prepareLog(paths: RouterPaths): Promise<number> {
  const size = await stat(paths.log).then(
    (file) => file.size,
    () => 0,
  );
  if (size <= longestLogBytes) return size;
  await truncate(paths.log, 0);
  return 0;
}

async function logSince(paths: RouterPaths, offset: number): Promise<string> {
  return (await readFile(paths.log)).subarray(offset).toString();
}

function failed(what: string, words: string): KilnError {
  const taken = /\(Address already in use\) for \[.*:(\d+)\]/.exec(words)?.[1];
  if (taken !== undefined) return portTaken(Number(taken), undefined);
  const alerts = words.split("\n").filter((line) => line.startsWith("[ALERT]"));
  const tail = (alerts.length > 0 ? alerts : words.trim().split("\n")).slice(-4).join("\n");
  return new KilnError("router_failed", tail ? `${what}: ${tail}` : `${what}.`, {
    hint: "HAProxy's own log is `router/haproxy.log` in the state folder.",
    retry: true,
  });
}
