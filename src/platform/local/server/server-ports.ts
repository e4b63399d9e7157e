import { isAlive } from "../../../lib/process/proc.ts";
import { parseAddress } from "../../linux/addresses.ts";
import { bootId } from "../../linux/processes.ts";
import type { HostContext } from "../context.ts";
import { recordedNetwork } from "../network/choice.ts";
import { portOf, type ServerPort } from "../network/commands.ts";
import type { ServerRecord } from "./records.ts";

/** What the network of running servers is known by. Servers that are being made or ended are not part of it. */
export function serverPorts(
  host: Pick<HostContext, "paths" | "tag"> & { readonly runtime: Pick<HostContext["runtime"], "inside"> },
  records: readonly ServerRecord[],
): readonly ServerPort[] {
  const network = recordedNetwork(host.paths, host.tag);
  const boot = bootId();
  return records.flatMap((record) => {
    const { id, running, waiting } = record;
    const address = parseAddress(record.address);
    if (!network || !running || waiting || record.freed || record.exit || address === undefined) return [];
    if (record.bootId !== boot || !isAlive(running.process)) return [];
    return [
      {
        id,
        port: { ...portOf(network, id, address), address6: record.address6 },
        pid: running.process.pid,
        isMachine: host.runtime.inside === "machine",
        mtu: record.mtu,
      },
    ];
  });
}
