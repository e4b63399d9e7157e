import { existsSync, rmSync } from "node:fs";
import { basename } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { exec } from "../../../lib/process/exec.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import { isHostedId } from "../../fleet/server-id.ts";
import {
  cgroupFolders,
  hasCgroup,
  installationCgroup,
  killMembers,
  removeCgroup,
  serverCgroup,
  setFrozen,
} from "../../linux/cgroups.ts";
import { freeSecrets } from "../../linux/placed-content.ts";
import { killNow, processesWithArgument } from "../../linux/processes.ts";
import type { HostContext } from "../context.ts";
import { recordedNetwork } from "../network/choice.ts";
import { namespacePath, portOf } from "../network/commands.ts";
import { serverPaths } from "../paths.ts";
import { runcDelete } from "./runc.ts";

/** How long the kernel may take to end what was killed, before we give up for this time. */
const endMs = 5_000;

/**
 * Servers of which something is on the machine (a cgroup, runc's state, a network namespace) and no record tells:
 * another program has removed their folder. A record is written before any of that is made and removed after all of it is gone,
 * so what has no record belongs to no server.
 */
export function orphans(host: Pick<HostContext, "paths" | "records" | "tag">): readonly ServerId[] {
  const namespaces = `kiln-${host.tag}-`;
  const names = new Set([
    ...cgroupFolders(installationCgroup(host.tag)).flatMap(namesIn),
    ...namesIn(host.paths.runc),
    ...namesIn(namespacePath("")).flatMap((name) =>
      name.startsWith(namespaces) ? [name.slice(namespaces.length)] : [],
    ),
  ]);
  return [...names].filter((name) => isHostedId(name) && host.records.read(name) === undefined);
}

/** The addresses below the bridge that something still has, whatever the records say. */
export function addressesInUse({ paths, tag }: Pick<HostContext, "paths" | "tag">): readonly number[] {
  const network = recordedNetwork(paths, tag);
  const prefix = network && basename(portOf(network, "", network.subnet.base).link).replace(/0$/, "");
  if (network === undefined || prefix === undefined) return [];
  return namesIn("/sys/class/net").flatMap((link) => {
    const number = link.startsWith(prefix) ? Number(link.slice(prefix.length)) : Number.NaN;
    return Number.isInteger(number) ? [network.subnet.base + number] : [];
  });
}

/**
 * Ends an orphan by what the kernel knows of it: everything in its cgroup is killed, then whatever it had is removed.
 * May be repeated. Throws `timed_out` when a process does not end. The caller holds the server's lock.
 */
export async function endOrphan(host: HostContext, id: ServerId): Promise<void> {
  if (!orphans(host).includes(id)) return;
  host.inspector.drop(id);
  const server = serverPaths(host.paths, id);
  const gone = await waitUntil(host.clock, endMs, () => {
    for (const pid of processesWithArgument(server.folder)) killNow(pid);
    killMembers(host.tag, id);
    setFrozen(cgroupFolders(serverCgroup(host.tag, id)), false);
    removeCgroup(host.tag, id);
    return !hasCgroup(host.tag, id);
  });
  if (!gone) {
    const hint = "It probably waits for a disk or a network file system. Kiln tries again.";
    throw new KilnError("timed_out", `${id} has no record, and its processes do not end.`, {
      hint,
      retry: true,
    });
  }
  if (existsSync(server.runcState)) await runcDelete(host.paths, id);
  rmSync(server.runcState, { recursive: true, force: true });
  await removeNamespace(`kiln-${host.tag}-${id}`);
  await freeSecrets(server);
  for (const path of [server.folder, server.exit, server.socket])
    rmSync(path, { recursive: true, force: true });
  host.log.warn({ server: id }, "the server ran without a record: Kiln ended it");
}

/** Its end of the veth pair goes with it, and so does ours. */
async function removeNamespace(name: string): Promise<void> {
  if (existsSync(namespacePath(name))) await exec(["ip", "netns", "del", name]);
}
