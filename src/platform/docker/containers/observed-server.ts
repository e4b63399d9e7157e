import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ServerId } from "../../../domain/ids.ts";
import { isErrno, toKilnError } from "../../../lib/errors.ts";
import { mountLines } from "../../../lib/files/mount-table.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { findProcess, isAlive, linkIfThere, readIfThere } from "../../../lib/process/proc.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import type { Call } from "../../contract/call.ts";
import { parseServerId } from "../../fleet/server-id.ts";
import { cgroupFolders, membersOf, setFrozen } from "../../linux/cgroups.ts";
import { isRuncInit, killNow } from "../../linux/processes.ts";
import { notBegun } from "../../linux/start-failure.ts";
import type { Subject } from "../../linux/subject.ts";
import type { DockerContext } from "../context.ts";
import { inspectedContainer } from "../engine/answers.ts";
import type { ContainerRecord } from "./record.ts";

const keptSchema = z.object({
  process: z.object({ pid: z.int(), startTicks: z.int() }),
  cgroup: z.string(),
  cgroupFolders: z.array(z.string()).readonly(),
  baseline: z.object({
    mounts: z.array(z.string()).readonly(),
    namespaces: z.record(z.string(), z.string()),
    limits: z.array(z.object({ file: z.string(), value: z.string() })).readonly(),
  }),
});

/** A server as it was once it ran, kept in its folder: a later controller compares with the same. */
type Kept = Readonly<z.infer<typeof keptSchema>>;

/** How long the server's program may take to be in place of the runtime's: seconds on a machine without a free processor. */
const programMs = 30_000;

/**
 * Lets detectors look at a server that has just been started. An engine has no moment at which all of a server is there and nothing of its
 * image has run: what the kernel shows right after the start counts as what it was made with. From within, no server can change
 * that. A visitor who is faster than that look stays unseen.
 */
export async function observeServer(host: DockerContext, record: ContainerRecord, call: Call): Promise<void> {
  if (parseServerId(record.id) === undefined) return; // a job lives for its command alone, a copy is there to be entered
  try {
    const kept = await look(host, record, call);
    if (kept === undefined) return;
    writeFileSync(baselinePath(host, record.id), JSON.stringify(kept), { mode: 0o600 });
    host.inspector.add(subjectOf(host, record, kept));
  } catch (error) {
    host.log.warn({ server: record.id, error: toKilnError(error).message }, "Kiln cannot see its drift");
  }
}

/** Servers that a former controller has made are looked at from now on. */
export function adopt(host: DockerContext, records: readonly ContainerRecord[]): void {
  for (const record of records) {
    if (record.exit !== undefined || record.quarantinedAtMs !== undefined) continue;
    if (record.openedAtMs !== undefined) continue;
    const kept = recall(host, record.id);
    if (kept !== undefined && isAlive(kept.process)) host.inspector.add(subjectOf(host, record, kept));
  }
}

/**
 * The engine does not know what Kiln itself has frozen, and a signal does not reach it. No process must run on when it thaws: all have their
 * signal by then.
 */
export function killFrozen(host: DockerContext, id: ServerId): void {
  const { cgroupFolders = [] } = recall(host, id) ?? {};
  for (const pid of cgroupFolders.flatMap(membersOf)) killNow(pid);
  setFrozen(cgroupFolders, false);
}

/** Also where no detector looks at it any more, because someone was let in. False: its cgroup cannot be reached. */
export function freezeServer(host: DockerContext, id: ServerId): boolean {
  return host.inspector.freeze(id) || setFrozen(recall(host, id)?.cgroupFolders ?? [], true);
}

/**
 * Its first process, while that is there, and all in its cgroup. The engine is not asked: as long as a command that someone runs in the server is
 * frozen on its way in, it answers no question about that container.
 */
export function processesOf(
  host: DockerContext,
  id: ServerId,
): { readonly pid: number | undefined; readonly processes: readonly number[] } {
  const kept = recall(host, id);
  const processes = [...new Set((kept?.cgroupFolders ?? []).flatMap(membersOf))];
  return { pid: kept && isAlive(kept.process) ? kept.process.pid : undefined, processes };
}

function baselinePath({ folder }: DockerContext, id: ServerId): string {
  return join(folder, id, "baseline.json");
}

function recall(host: DockerContext, id: ServerId): Kept | undefined {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(baselinePath(host, id), "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError)
      return undefined;
    throw error;
  }
}

/** Undefined where its processes are not this machine's, or not there any more. */
async function look(host: DockerContext, { id, container = "" }: ContainerRecord, { signal }: Call) {
  const path = `/containers/${container}/json`;
  const found = await host.engine.read({ path, accept: [404], signal }, inspectedContainer);
  const process = findProcess(found?.State.Pid ?? 0);
  const cgroup = process && cgroupOf(process.pid);
  if (process === undefined || cgroup === undefined || !cgroup.includes(container)) return undefined;
  if (!(await waitUntil(host.clock, programMs, () => !isRuncInit(process), signal)))
    throw notBegun(id, programMs);
  const folders = cgroupFolders(cgroup);
  const baseline = {
    mounts: mountLines(readIfThere(`/proc/${process.pid}/mountinfo`) ?? ""),
    namespaces: namespacesOf(process.pid),
    limits: folders.flatMap(limitsIn),
  };
  return isAlive(process) ? { process, cgroup, cgroupFolders: folders, baseline } : undefined;
}

/** /proc/PID/cgroup, cgroups(7): the engine gives a container the same path in every hierarchy. */
function cgroupOf(pid: number): string | undefined {
  const lines = readIfThere(`/proc/${pid}/cgroup`)?.split("\n") ?? [];
  const line =
    lines.find((each) => /^\d+:(.*,)?freezer(,.*)?:/.test(each)) ??
    lines.find((each) => each.startsWith("0::"));
  return line?.replace(/^\d+:[^:]*:/, "");
}

function namespacesOf(pid: number): Readonly<Record<string, string>> {
  const kinds = readdirSync(`/proc/${pid}/ns`).filter((kind) => !kind.endsWith("_for_children"));
  return Object.fromEntries(kinds.map((kind) => [kind, linkIfThere(`/proc/${pid}/ns/${kind}`) ?? ""]));
}

/** What `docker update` sets, and what else bounds a server: of version 2, then version 1. */
const limitFiles = new Set([
  ...["memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max", "memory.oom.group"],
  ...["cpu.max", "cpu.weight", "cpuset.cpus", "cpuset.mems", "io.max", "io.weight", "pids.max"],
  ...["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes"],
  ...["cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares", "devices.list"],
]);

function limitsIn(folder: string): Kept["baseline"]["limits"] {
  return namesIn(folder).flatMap((name) => {
    const file = join(folder, name);
    const value = limitFiles.has(name) ? readIfThere(file) : undefined;
    return value === undefined ? [] : [{ file, value }];
  });
}

function subjectOf(
  { presence }: DockerContext,
  { id, release }: ContainerRecord,
  { process, cgroup, cgroupFolders, baseline }: Kept,
): Subject {
  return {
    ...{ server: id, service: release.service, release: release.number },
    ...{ process, cgroup, cgroupFolders, baseline: { ...baseline, bundle: [] }, imageFiles: [] },
    isExpected: presence.isStarting,
  };
}
