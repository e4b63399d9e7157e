import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cutPower, isRunning, remainsOf } from "./machine.ts";

/** For each command by which an installation ends: its tests have more time than all of them together. */
const endMs = 90_000;

/** The exit code of a command that SIGKILL ends, as shells have it. */
const killed = 137;

/** The launcher that users run. */
export const kilnPath = new URL("../../kiln", import.meta.url).pathname;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** The launcher of another checkout. */
  readonly launcher?: string;
  /** A command that runs for longer is killed, and exits with `killed`. */
  readonly timeoutMs?: number;
  /** Called with the running process, to send it signals. */
  readonly started?: (pid: number) => void;
}

/** An installation of its own, as a user has one: a state folder, projects, and the `kiln` command. */
export interface Installation extends AsyncDisposable {
  readonly home: string;
  /** Runs `kiln ...args`; never throws for a failing command. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** Like `run`, for a command that must succeed; throws with what it printed. */
  ok(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The command's `--json` document. */
  json<T>(args: readonly string[], options?: RunOptions): Promise<T>;
  /** Writes a project folder; returns its path. */
  project(files: Readonly<Record<string, string>>): Promise<string>;
  controllerPid(): Promise<number | undefined>;
  /** What this installation has outside its state folder, one thing a line; empty when nothing is left. */
  leftovers(): Promise<readonly string[]>;
}

/**
 * `parent`: the folder that it is made in. Unless `drifts` says that the test changes servers from outside, any drift
 * that is found is a false alarm, and fails the test when the installation is disposed of.
 */
export async function install(
  parent = "/tmp",
  { drifts = false }: { readonly drifts?: boolean } = {},
): Promise<Installation> {
  const root = await mkdtemp(`${parent}/ke-`);
  const home = join(root, "state");
  let projects = 0;

  const run = (args: readonly string[], options: RunOptions = {}) => runKiln(args, home, root, options);
  async function ok(args: readonly string[], options?: RunOptions): Promise<Ran> {
    const ran = await run(args, options);
    if (ran.code === 0) return ran;
    throw new Error(`kiln ${args.join(" ")} exited with ${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  }
  async function project(files: Readonly<Record<string, string>>): Promise<string> {
    const folder = join(root, `project-${++projects}`);
    await writeFiles(folder, files);
    return folder;
  }
  async function controllerPid(): Promise<number | undefined> {
    const text = await readFile(join(home, "controller.lock.json"), "utf8").catch(() => undefined);
    const pid = text === undefined ? undefined : (JSON.parse(text) as { pid: number }).pid;
    return pid !== undefined && isRunning(pid) ? pid : undefined;
  }
  const leftovers = () => remainsOf(home);

  /** A service whose removal does not end must not keep the rest: it is named among what is left. */
  async function removeAll(): Promise<readonly string[]> {
    const status = await run(["status", "--json"], { timeoutMs: endMs });
    const services = status.code === 0 ? servicesOf(status.stdout) : [];
    const removed = services.map(async ({ service }) => {
      const { code, stderr } = await run(["remove", service, "--yes"], { timeoutMs: endMs });
      return code === killed ? [`kiln remove ${service} did not end: ${stderr}`] : [];
    });
    return (await Promise.all(removed)).flat();
  }

  async function dispose(): Promise<void> {
    const unremoved = await removeAll();
    await run(["controller", "stop"], { timeoutMs: endMs });
    const left = [...unremoved, ...(await leftovers())];
    const alarms = drifts ? [] : await driftIn(join(home, "controller.log"));
    await cutPower(home);
    await rm(root, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`Left by ${home}:\n${left.join("\n")}`);
    if (alarms.length > 0) throw new Error(`False alarms of ${home}:\n${alarms.join("\n")}`);
  }

  return {
    home,
    run,
    ok,
    json: async <T>(args: readonly string[], options?: RunOptions) =>
      JSON.parse((await ok([...args, "--json"], options)).stdout) as T,
    project,
    controllerPid,
    leftovers,
    [Symbol.asyncDispose]: dispose,
  };
}

/** What the controller's log tells of drift. */
async function driftIn(log: string): Promise<readonly string[]> {
  const text = await readFile(log, "utf8").catch(() => "");
  return text.split("\n").filter((line) => line.includes('"a server has drifted"'));
}

/** How many requests were lost while the work was done, of two users who ask again and again. `ask` gives undefined for a lost one. */
export async function lostDuring(
  ask: () => Promise<string | undefined>,
  work: () => Promise<unknown>,
): Promise<number> {
  let done = false;
  let lost = 0;
  const buy = async () => {
    while (!done) if ((await ask()) === undefined) lost += 1;
  };
  const buying = [buy(), buy()];
  await work().finally(() => {
    done = true;
  });
  await Promise.all(buying);
  return lost;
}

/** Resolves when `condition` holds; throws, naming what was waited for, when it does not within the time. */
export async function waitUntil(
  condition: () => Promise<boolean> | boolean,
  timeoutMs: number,
  what: string,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

/** Why tests with real servers cannot run here, or undefined when they can. */
export function whyNoServers(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "real servers need root";
}

function runKiln(args: readonly string[], home: string, cwd: string, options: RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.launcher ?? kilnPath, args, {
      cwd: options.cwd ?? cwd,
      env: { ...process.env, KILN_HOME: home, NO_COLOR: "1", ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.stdin.end(options.input ?? "");
    const timer = options.timeoutMs && setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? (signal === "SIGKILL" ? killed : 128), stdout, stderr });
    });
    if (child.pid !== undefined) options.started?.(child.pid);
  });
}

function servicesOf(json: string): readonly { readonly service: string }[] {
  const parsed = JSON.parse(json) as { services?: { service: string }[] } | { service: string }[];
  return Array.isArray(parsed) ? parsed : (parsed.services ?? []);
}
