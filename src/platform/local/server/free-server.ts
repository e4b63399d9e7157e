import { existsSync, readFileSync, rmSync } from "node:fs";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { findProcess, isAlive, type ProcessRef } from "../../../lib/process/proc.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import type { Call } from "../../contract/call.ts";
import { parseAddress } from "../../linux/addresses.ts";
import {
  cgroupFolders,
  hasCgroup,
  killMembers,
  membersOf,
  removeCgroup,
  removeParentCgroup,
  serverCgroup,
  setFrozen,
} from "../../linux/cgroups.ts";
import { freeMemory } from "../../linux/mounts.ts";
import { freeSecrets } from "../../linux/placed-content.ts";
import { bootId, killNow, processesWithArgument, signalProcess } from "../../linux/processes.ts";
import type { HostContext } from "../context.ts";
import { removeSkeletons, sweepRoots } from "../image/roots.ts";
import { recordedNetwork } from "../network/choice.ts";
import { portOf } from "../network/commands.ts";
import { detachPort } from "../network/ports.ts";
import { serverPaths } from "../paths.ts";
import { sweepVolumes } from "../volumes/claims.ts";
import { killStrangers } from "./kill-strangers.ts";
import type { ServerRecord } from "./records.ts";
import { runcDelete, runcResume } from "./runc.ts";
import { findExit, readMoment } from "./server-state.ts";

const killed = 9;
/** How long the kernel may take to end a killed process before we give up for this time. */
const killDeadlineMs = 5_000;
/** A frozen server does not notice that it was killed; this long after it we suspect that. */
const suspectFrozenMs = 300;
/** How long conmon may take to report that a process has ended. */
const exitReportMs = 2_000;

/**
 * Ends the server's process and frees all that it used on the machine: process, cgroup, namespace, mounts. Its
 * record, marked as freed, and its logs stay. Every step may be repeated. Throws `timed_out` when a process does not
 * end (it may hang in the kernel); repeating later continues from there.
 */
export async function freeServer(host: HostContext, record: ServerRecord): Promise<void> {
  host.inspector.drop(record.id);
  // Of a freed one too: a crash may have come between its last line and the sweep.
  if (!record.freed) await freeOwn(host, record);
  await host.shared(async () => {
    await sweepShared(host);
    await host.network.placeNames();
  });
}

/** Frees it, then removes its record and its logs. */
export async function removeServer(host: HostContext, record: ServerRecord): Promise<void> {
  await freeServer(host, record);
  host.records.remove(record.id);
}

/** Frees what the server shares with no other. */
async function freeOwn(host: HostContext, record: ServerRecord): Promise<void> {
  const sameBoot = record.bootId === bootId();
  // While the namespaces still have an owner.
  killStrangers(host, record);
  if (sameBoot) await endProcesses(host, record);
  await Promise.all([deleteRuntime(host, record, sameBoot), detach(host, record)]);
  await removeCgroups(host, record);
  await freeSecrets(serverPaths(host.paths, record.id));
  const exit = findExit(host.paths, record, readMoment(host.paths, host.clock.now()));
  const server = serverPaths(host.paths, record.id);
  host.records.write({ ...record, exit: exit ?? { atMs: host.clock.now(), oomKilled: false }, freed: true });
  await freeMemory(server.machine); // how it has ended was read there
  rmSync(server.exit, { force: true });
  rmSync(server.socket, { force: true });
}

async function endProcesses(host: HostContext, record: ServerRecord): Promise<void> {
  if (!record.running) return endHalfMade(host, record);
  const { process, monitor } = record.running;
  if (record.quarantinedAtMs !== undefined) killFrozen(host, record.id);
  await kill(host, record.id, process);
  if (!monitor) return;
  const exitFile = serverPaths(host.paths, record.id).exit;
  await waitUntil(host.clock, exitReportMs, () => existsSync(exitFile) || !isAlive(monitor));
}

/**
 * Ends all processes of a frozen server. Each lets go of its mounts before it has ended, a while after it has its signal. One
 * that does not end holds on to the server's volumes, and `create` says so to the next server that asks for them.
 */
export async function endFrozen(host: HostContext, id: string, { signal }: Call): Promise<void> {
  killFrozen(host, id);
  const folders = cgroupFolders(serverCgroup(host.tag, id));
  const hasEnded = () => !folders.flatMap(membersOf).some((pid) => findProcess(pid) !== undefined);
  if (await waitUntil(host.clock, killDeadlineMs, hasEnded, signal)) return;
  host.log.warn({ server: id }, "a server in quarantine still has its volumes: a process of it does not end");
}

/** No process of a frozen server must run on when it thaws: all have their signal by then. */
function killFrozen(host: HostContext, id: string): void {
  killMembers(host.tag, id);
  setFrozen(cgroupFolders(serverCgroup(host.tag, id)), false);
}

async function kill(host: HostContext, id: string, process: ProcessRef): Promise<void> {
  signalProcess(process, killed);
  if (await waitUntil(host.clock, suspectFrozenMs, () => !isAlive(process))) return;
  await runcResume(host.paths, id);
  if (await waitUntil(host.clock, killDeadlineMs, () => !isAlive(process))) return;
  throw new KilnError(
    "timed_out",
    `The process ${process.pid} of ${id} does not end although it was killed.`,
    {
      hint: "It probably waits for a disk or a network file system. Kiln tries again.",
      retry: true,
    },
  );
}

/** A crash in the middle of `create` may have left conmon and runc at work; nothing may continue unseen. */
async function endHalfMade(host: HostContext, record: ServerRecord): Promise<void> {
  const server = serverPaths(host.paths, record.id);
  const ours = () => [...processesWithArgument(server.folder), ...waitingProcess(server.processId, record)];
  for (const pid of ours()) killNow(pid);
  if (await waitUntil(host.clock, killDeadlineMs, () => processesWithArgument(server.folder).length === 0))
    return;
  throw new KilnError("timed_out", `conmon or runc of ${record.id} does not end although it was killed.`, {
    retry: true,
  });
}

/** The server's process that waits for `runc start`. Whether the number is still its own, its cgroup tells. */
function waitingProcess(processIdFile: string, record: ServerRecord): readonly number[] {
  try {
    const pid = Number(readFileSync(processIdFile, "utf8"));
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${record.id}\n`) ? [pid] : [];
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return [];
    throw error;
  }
}

/** After a restart of the machine runc's notes name processes whose numbers may belong to other programs now. */
async function deleteRuntime(host: HostContext, record: ServerRecord, sameBoot: boolean): Promise<void> {
  const { runcState } = serverPaths(host.paths, record.id);
  if (sameBoot && existsSync(runcState)) await runcDelete(host.paths, record.id);
  rmSync(runcState, { recursive: true, force: true });
}

async function detach(host: HostContext, record: ServerRecord): Promise<void> {
  const network = recordedNetwork(host.paths, host.tag);
  const address = parseAddress(record.address);
  if (network && address !== undefined) await detachPort(portOf(network, record.id, address));
}

async function removeCgroups(host: HostContext, record: ServerRecord): Promise<void> {
  const gone = await waitUntil(host.clock, killDeadlineMs, () => {
    removeCgroup(host.tag, record.id);
    return !hasCgroup(host.tag, record.id);
  });
  if (gone) return;
  throw new KilnError(
    "timed_out",
    `The cgroup of ${record.id} cannot be removed: processes in it do not end.`,
    {
      retry: true,
    },
  );
}

/** Removes what only servers that are gone have used. Callers hold the host's lock. */
export async function sweepShared(host: HostContext): Promise<void> {
  const inUse = host.records.all().filter(({ freed }) => !freed);
  await sweepRoots(host.paths, {
    roots: new Set(inUse.map(({ root }) => root)),
    layers: new Set(inUse.flatMap(({ layers }) => layers)),
  });
  await sweepVolumes(host);
  if (inUse.length > 0) return;
  await host.network.remove();
  removeParentCgroup(host.tag);
  removeSkeletons(host.paths);
}
