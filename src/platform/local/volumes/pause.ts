import { readFileSync, rmSync } from "node:fs";
import { z } from "zod";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { exec } from "../../../lib/process/exec.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import { cgroupFolders, isFrozen, serverCgroup, setFrozen } from "../../linux/cgroups.ts";
import { mountedAt } from "../../linux/mounts.ts";
import type { HostContext } from "../context.ts";
import { subjectOf } from "../server/baseline.ts";
import { type VolumePlaces, volumePlaces, volumesThere } from "./places.ts";

/** How long the kernel may take to stop all processes of a server. */
const stillMs = 10_000;

const pausedSchema = z.array(z.string());

/**
 * Lets nothing be written to the volume of these servers while `work` runs. A file system of its own is frozen, and only
 * writes wait; of a folder, the servers themselves stand still. It is on record first, so that the next controller lets
 * them continue where this one is killed.
 */
export async function whilePaused<T>(
  host: HostContext,
  places: VolumePlaces,
  servers: readonly ServerId[],
  work: () => Promise<T>,
): Promise<T> {
  if (servers.length === 0 && mountedAt(places.disk) === undefined) return work();
  await writeFileAtomic(places.paused, JSON.stringify(servers));
  try {
    if (mountedAt(places.disk) !== undefined) await exec(["fsfreeze", "--freeze", places.disk]);
    else await stopAll(host, servers);
    return await work();
  } finally {
    await resume(host, places, servers);
  }
}

/** Lets servers continue that a killed controller has stopped for a snapshot. */
export async function resumeAllPaused(host: HostContext): Promise<void> {
  for (const key of volumesThere(host.paths)) {
    const places = volumePlaces(host.paths, key);
    const servers = readPaused(places);
    if (servers !== undefined) await resume(host, places, servers);
  }
}

async function resume(host: HostContext, places: VolumePlaces, servers: readonly ServerId[]): Promise<void> {
  if (mountedAt(places.disk) !== undefined) {
    // It fails where it is not frozen.
    await exec(["fsfreeze", "--unfreeze", places.disk], { accept: "any" });
  } else for (const server of servers) goOn(host, server);
  rmSync(places.paused, { force: true });
}

/** Throws `timed_out` when one does not stand still in time. */
async function stopAll(host: HostContext, servers: readonly ServerId[]): Promise<void> {
  for (const server of servers) stop(host, server);
  for (const server of servers) {
    const folders = cgroupFolders(serverCgroup(host.tag, server));
    if (await waitUntil(host.clock, stillMs, () => isFrozen(folders))) continue;
    throw new KilnError("timed_out", `${server} cannot be made to stand still, which a snapshot needs.`, {
      retry: true,
      hint: "A process of it probably waits for a disk or a network file system. Repeat this when that answers.",
    });
  }
}

/** Detectors would take it for drift. What someone changes meanwhile they find afterwards. */
function stop({ tag, inspector }: HostContext, server: ServerId): void {
  inspector.drop(server);
  setFrozen(cgroupFolders(serverCgroup(tag, server)), true);
}

function goOn({ tag, paths, records, inspector }: HostContext, server: ServerId): void {
  const record = records.read(server);
  if (record?.quarantinedAtMs !== undefined) return;
  setFrozen(cgroupFolders(serverCgroup(tag, server)), false);
  const isSeen = record !== undefined && !record.freed && record.openedAtMs === undefined;
  const subject = isSeen ? subjectOf(paths, tag, record) : undefined;
  if (subject !== undefined) inspector.add(subject);
}

function readPaused({ paused }: VolumePlaces): readonly ServerId[] | undefined {
  try {
    return pausedSchema.parse(JSON.parse(readFileSync(paused, "utf8")));
  } catch {
    return undefined; // not there, or cut off by a restart of the machine, after which nothing is frozen
  }
}
