import type { HostServer } from "../../fleet/host.ts";
import type { HostContext } from "../context.ts";
import { rotateLog } from "../log/log-rotation.ts";
import type { ServerRecord } from "./records.ts";
import { serverPorts } from "./server-ports.ts";
import { findExit, hostServer, readMoment, settled } from "./server-state.ts";

/** What listing looks at. */
export type ListContext = Pick<HostContext, "tag" | "paths" | "records" | "inspector" | "clock" | "log"> & {
  readonly network: Pick<HostContext["network"], "verify" | "lost">;
  readonly runtime: Pick<HostContext["runtime"], "inside">;
};

/**
 * All servers as their records and processes say. Others make servers meanwhile: one that was being made at the first look
 * may run and be looked at by the last, so only what has ended for good is no longer inspected.
 */
export async function listServers(host: ListContext): Promise<readonly HostServer[]> {
  const records = host.records.all().map((record) => settled(host.records, record));
  const moment = readMoment(host.paths, host.clock.now());
  const listed = records.map((record) => hostServer(record, remembered(host, record, moment)));
  await host.network.verify(serverPorts(host, records));
  const servers = listed.map((server) => withLoss(host, server));
  for (const { id, state } of servers) {
    if (state === "running") await rotateLog(host, id);
    else if (state === "exited") host.inspector.drop(id);
  }
  return servers;
}

function withLoss(host: ListContext, server: HostServer): HostServer {
  const lost = server.state === "running" ? host.network.lost(server.id) : undefined;
  return lost === undefined ? server : { ...server, lost };
}

/** The moment at which an end was noticed is all that is known when conmon could not tell; it must not move. */
function remembered(host: ListContext, record: ServerRecord, moment: ReturnType<typeof readMoment>) {
  const exit = findExit(host.paths, record, moment);
  if (exit && !record.exit) host.records.write({ ...record, exit });
  return exit;
}
