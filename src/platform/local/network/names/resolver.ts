import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { isErrno, KilnError } from "../../../../lib/errors.ts";
import { writeFileAtomic } from "../../../../lib/files/files.ts";
import { cleanEnvironment } from "../../../../lib/process/environment.ts";
import { readIfThere } from "../../../../lib/process/proc.ts";
import { systemClock } from "../../../../lib/time/clock.ts";
import { waitUntil } from "../../../../lib/time/wait-until.ts";
import { findProgram } from "../../programs.ts";
import { type ResolverFiles, type ResolverPaths, resolverPaths } from "./resolver-files.ts";

/** How long dnsmasq may take to start. */
const startMs = 10_000;
/** How long dnsmasq may take to end before it is killed. */
const endMs = 2_000;

/** What is there of the resolver. */
export interface ResolverState {
  readonly pid: number | undefined;
  readonly files: ResolverFiles;
}

/** Without dnsmasq servers ask the resolvers of the machine, and no service has a name. */
export function hasResolver(): boolean {
  try {
    findProgram("dnsmasq");
    return true;
  } catch (error) {
    if (error instanceof KilnError && error.code === "tool_missing") return false;
    throw error;
  }
}

export function readResolver(tag: string): ResolverState {
  const paths = resolverPaths(tag);
  const read = (path: string) => readIfThere(path) ?? "";
  const files = { config: read(paths.config), hosts: read(paths.hosts), servers: read(paths.servers) };
  return { pid: findResolver(paths), files };
}

/** Whether the resolver runs and answers with these names. */
export function isServing({ pid, files }: ResolverState, wanted: ResolverFiles): boolean {
  return pid !== undefined && isSame(files, wanted);
}

function isSame(a: ResolverFiles, b: ResolverFiles): boolean {
  return a.config === b.config && a.hosts === b.hosts && a.servers === b.servers;
}

/**
 * Has the resolver answer with these names: starts it, or lets the running one read them again, or leaves it alone. It
 * outlives this process. Resolves to what it said when it could not start.
 */
export async function serveNames(tag: string, wanted: ResolverFiles): Promise<string> {
  const paths = resolverPaths(tag);
  const { pid, files } = readResolver(tag);
  if (pid !== undefined && isSame(files, wanted)) return "";
  mkdirSync(paths.folder, { recursive: true });
  chmodSync(paths.folder, 0o755);
  await Promise.all([
    place(paths.config, wanted.config),
    place(paths.hosts, wanted.hosts),
    place(paths.servers, wanted.servers),
  ]);
  if (pid !== undefined && files.config === wanted.config) {
    signal(pid, "SIGHUP");
    return "";
  }
  await end(paths);
  return start(paths);
}

/** In a session of its own, so that it outlives its starter. It writes its number down when it has the port. */
async function start(paths: ResolverPaths): Promise<string> {
  const argv = ["--keep-in-foreground", `--conf-file=${paths.config}`];
  const child = spawn("dnsmasq", argv, {
    ...{ cwd: "/", detached: true, env: cleanEnvironment, stdio: ["ignore", "ignore", "pipe"] },
  });
  let said = "";
  let hasEnded = false;
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  for (const event of ["close", "error"]) child.once(event, () => (hasEnded = true));
  await waitUntil(systemClock, startMs, () => hasEnded || findResolver(paths) !== undefined);
  const failed = findResolver(paths) === undefined;
  child.stderr.destroy();
  child.unref();
  return failed ? `dnsmasq did not start: ${said.trim()}` : "";
}

/** Ends the resolver and removes its files. */
export async function stopResolver(tag: string): Promise<void> {
  const paths = resolverPaths(tag);
  await end(paths);
  rmSync(paths.folder, { recursive: true, force: true });
}

async function place(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text, { durable: false });
  chmodSync(path, 0o644); // whatever the umask is
}

async function end(paths: ResolverPaths): Promise<void> {
  const hasEnded = () => findResolver(paths) === undefined;
  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    const pid = findResolver(paths);
    if (pid === undefined) return;
    signal(pid, how);
    if (await waitUntil(systemClock, endMs, hasEnded)) return;
  }
}

/** The number is on file; whether it is still dnsmasq's, its arguments tell. */
function findResolver({ processId, config }: ResolverPaths): number | undefined {
  const pid = Number(readIfThere(processId) ?? Number.NaN);
  if (!Number.isInteger(pid)) return undefined;
  return (readIfThere(`/proc/${pid}/cmdline`) ?? "").includes(`--conf-file=${config}`) ? pid : undefined;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
