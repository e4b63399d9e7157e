import { evidenceLimitMs } from "../../../domain/drift/taint.ts";
import type { ServerId } from "../../../domain/ids.ts";
import { secretsFolder } from "../../../domain/spec/server-shape.ts";
import { ownVolumes } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { Evidence, EvidenceKeeper, Exhibit, Taint } from "../../contract/evidence.ts";
import { cgroupFolders, membersOf, serverCgroup, setFrozen } from "../../linux/cgroups.ts";
import { cutConnections } from "../../linux/connections.ts";
import { transcriptsIn } from "../../linux/sessions/transcripts.ts";
import type { HostContext } from "../context.ts";
import { readLog } from "../log/log-reader.ts";
import { serverPaths } from "../paths.ts";
import { endFrozen } from "./free-server.ts";
import { killStrangers } from "./kill-strangers.ts";
import type { ServerRecord } from "./records.ts";

/** Lines of its log that go with the evidence. */
const logLines = 1000;

/** See `Host.quarantine`. The caller holds the server's lock. */
export async function quarantineServer(
  host: HostContext,
  evidence: EvidenceKeeper | undefined,
  server: ServerId,
  taint: Taint,
  call: Call,
): Promise<Evidence> {
  const record = host.records.read(server);
  if (record === undefined) throw new KilnError("server_unknown", `There is no server ${server}.`);
  const folders = cgroupFolders(serverCgroup(host.tag, server));
  if (!record.freed && !host.inspector.freeze(server)) setFrozen(folders, true);
  if (record.quarantinedAtMs === undefined) {
    host.records.write({ ...record, quarantinedAtMs: host.clock.now() });
  }
  const cutting = cutConnections(host, record);
  const digest = await keepEvidence(host, evidence, record, taint, call);
  await cutting;
  const killed = killStrangers(host, record);
  // Its successor could not have what it holds on to: with its evidence kept, it ends. Its address stays its own.
  if (ownVolumes(record.release.shape.volumes).length > 0) await endFrozen(host, server, call);
  return { server, digest, killed };
}

/**
 * Strangers are part of the evidence and live until it is kept. They don't outlive a failure to keep it: only a controller
 * that ends leaves them to the next one, which comes at once.
 */
async function keepEvidence(
  host: HostContext,
  evidence: EvidenceKeeper | undefined,
  record: ServerRecord,
  taint: Taint,
  call: Call,
): Promise<string | undefined> {
  try {
    return await evidence?.keep(await exhibit(host, record, taint, call), call);
  } catch (error) {
    if (!call.signal.aborted || host.clock.now() - taint.atMs >= evidenceLimitMs) killStrangers(host, record);
    throw error;
  }
}

async function exhibit(host: HostContext, record: ServerRecord, taint: Taint, call: Call): Promise<Exhibit> {
  const { id, release, running } = record;
  const log: string[] = [];
  for await (const { text } of readLog(host, id, { tail: logLines }, call.signal)) log.push(text);
  const processes = new Set(cgroupFolders(serverCgroup(host.tag, id)).flatMap(membersOf));
  // A process that has ended may have left its number to another one.
  const pid = running !== undefined && processes.has(running.process.pid) ? running.process.pid : undefined;
  const paths = release.secrets.flatMap((s) => (s.delivery.kind === "file" ? [s.delivery.path] : []));
  const secrets = [secretsFolder, ...paths];
  const transcripts = transcriptsIn(serverPaths(host.paths, id).folder);
  return { server: id, release, taint, pid, secrets, processes: [...processes], log, transcripts };
}
