import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import { secretsFolder } from "../../../domain/spec/server-shape.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { Evidence, Exhibit, Taint } from "../../contract/evidence.ts";
import { cutConnections } from "../../linux/connections.ts";
import { EvidenceParts } from "../../linux/evidence-parts.ts";
import { transcriptsIn } from "../../linux/sessions/transcripts.ts";
import type { DockerContext } from "../context.ts";
import { freezeServer, processesOf } from "./observed-server.ts";
import { readContainerLog } from "./read-log.ts";
import type { ContainerRecord } from "./record.ts";

/** Lines of its log that go with the evidence. */
const evidenceLines = 1000;

/** See `Host.quarantine`. The caller holds the server's lock. */
export async function quarantineContainer(
  host: DockerContext,
  server: ServerId,
  taint: Taint,
  call: Call,
): Promise<Evidence> {
  const record = host.records.read(server);
  if (record === undefined) throw new KilnError("server_unknown", `There is no server ${server}.`);
  // A server that someone was let into is out of traffic already, and runs on until now.
  if (record.exit === undefined && !freezeServer(host, server)) await pause(host, record, call);
  if (record.quarantinedAtMs === undefined)
    host.records.write({ ...record, quarantinedAtMs: host.clock.now() });
  await cutConnections(host, record);
  const digest = await host.evidence?.keep(await exhibit(host, record, taint, call), call);
  return { server, digest };
}

/** Where its cgroup cannot be reached. 409: it is paused already, or does not run. */
async function pause(
  { engine }: DockerContext,
  { container }: ContainerRecord,
  { signal }: Call,
): Promise<void> {
  await engine.send({ method: "POST", path: `/containers/${container}/pause`, accept: [404, 409], signal });
}

async function exhibit(
  host: DockerContext,
  record: ContainerRecord,
  taint: Taint,
  call: Call,
): Promise<Exhibit> {
  const { id, release } = record;
  const parts = new EvidenceParts(call);
  const log: string[] = [];
  await parts.read("log", async (signal) => {
    for await (const { text } of readContainerLog(host, id, { tail: evidenceLines }, signal)) log.push(text);
  });
  const { pid, processes } = processesOf(host, id);
  const paths = release.secrets.flatMap((s) => (s.delivery.kind === "file" ? [s.delivery.path] : []));
  const secrets = [secretsFolder, ...paths];
  const transcripts = transcriptsIn(join(host.folder, id));
  const { missing } = parts;
  return { server: id, release, taint, pid, secrets, processes, log, transcripts, missing };
}
