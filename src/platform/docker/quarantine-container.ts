import { readFileSync } from "node:fs";
import type { ServerId } from "../../domain/ids.ts";
import { secretsFolder } from "../../domain/spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { cgroupFolders, membersOf } from "../linux/cgroups.ts";
import { cutConnections } from "../linux/connections.ts";
import type { Call, Evidence, Exhibit, Taint } from "../platform.ts";
import { inspectedContainer } from "./answers.ts";
import type { DockerContext } from "./context.ts";
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
  const path = `/containers/${record.container}/pause`;
  // 409: it is paused already, or does not run.
  if (!record.exit) await host.engine.send({ method: "POST", path, accept: [404, 409], signal: call.signal });
  if (record.quarantinedAtMs === undefined)
    host.records.write({ ...record, quarantinedAtMs: host.clock.now() });
  await cutConnections(host, record);
  const digest = await host.evidence?.keep(await exhibit(host, record, taint, call), call);
  return { server, digest };
}

async function exhibit(
  host: DockerContext,
  record: ContainerRecord,
  taint: Taint,
  call: Call,
): Promise<Exhibit> {
  const { id, release } = record;
  const log: string[] = [];
  for await (const { text } of readContainerLog(host, id, { tail: evidenceLines }, call.signal))
    log.push(text);
  const { pid, processes } = await processesOf(host, record, call);
  const paths = release.secrets.flatMap((s) => (s.delivery.kind === "file" ? [s.delivery.path] : []));
  const secrets = [secretsFolder, ...paths];
  return { server: id, release, taint, pid, secrets, processes, log, transcripts: [] };
}

/** Of an engine on this machine; of one elsewhere, or in namespaces of its own, nothing that we could read. */
async function processesOf(
  { engine }: DockerContext,
  { container = "" }: ContainerRecord,
  { signal }: Call,
): Promise<Pick<Exhibit, "pid" | "processes">> {
  const path = `/containers/${container}/json`;
  const found = await engine.read({ path, accept: [404], signal }, inspectedContainer);
  const cgroup = found?.State.Pid ? cgroupOf(found.State.Pid) : undefined;
  if (cgroup === undefined || !cgroup.includes(container)) return { pid: undefined, processes: [] };
  return { pid: found?.State.Pid, processes: [...new Set(cgroupFolders(cgroup).flatMap(membersOf))] };
}

/** /proc/PID/cgroup, cgroups(7): in every hierarchy the engine gives it the same. */
function cgroupOf(pid: number): string | undefined {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
    const line =
      lines.find((each) => /^\d+:(.*,)?(pids|memory)(,.*)?:/.test(each)) ??
      lines.find((each) => each.startsWith("0::"));
    return line?.replace(/^\d+:[^:]*:/, "");
  } catch {
    return undefined;
  }
}
