import { join } from "node:path";
import type { ServerId } from "../../../domain/ids.ts";
import type { Call } from "../../contract/call.ts";
import { type ContentPaths, freeSecrets } from "../../linux/placed-content.ts";
import type { DockerContext } from "../context.ts";
import { lookAt } from "./list-containers.ts";
import { killFrozen } from "./observed-server.ts";
import type { ContainerRecord } from "./record.ts";

/** Where secrets and configuration files of a server are. */
export function contentPaths({ folder }: DockerContext, id: ServerId): ContentPaths {
  return { secrets: join(folder, id, "secrets"), files: join(folder, id, "files") };
}

/** See `Host.stop`. The caller holds the server's lock. */
export async function stopContainer(
  host: DockerContext,
  id: ServerId,
  graceMs: number,
  call: Call,
): Promise<void> {
  const record = host.records.read(id);
  if (record?.container === undefined) return;
  host.inspector.drop(id);
  if (record.exit === undefined) {
    await endProcess(host, record, graceMs, call);
    await lookAt(host, record, call);
  }
  await freeSecrets(contentPaths(host, id));
}

/** The engine takes whole seconds. What is frozen does not hear a stop signal, and must not run on. */
async function endProcess(
  host: DockerContext,
  { id, container, quarantinedAtMs }: ContainerRecord,
  graceMs: number,
  { signal }: Call,
): Promise<void> {
  const { engine } = host;
  const path = `/containers/${container}`;
  // 304: it has ended already; 409: it does not run.
  if (quarantinedAtMs === undefined) {
    const query = { t: String(Math.ceil(graceMs / 1000)) };
    await engine.send({ method: "POST", path: `${path}/stop`, query, accept: [304, 404], signal });
    return;
  }
  killFrozen(host, id);
  await engine.send({ method: "POST", path: `${path}/kill`, accept: [404, 409], signal });
  const query = { condition: "not-running" };
  await engine.send({ method: "POST", path: `${path}/wait`, query, accept: [404], signal });
}

/** Ends it, and removes everything of it; with the last one, the network. May be repeated. */
export async function removeContainer(
  host: DockerContext,
  record: ContainerRecord,
  call: Call,
): Promise<void> {
  const { names, records, network, removal } = host;
  host.inspector.drop(record.id);
  if (record.quarantinedAtMs !== undefined) killFrozen(host, record.id);
  // By its name: a crash may have come before its id was written down.
  await removal.remove(names.container(record.id), call);
  await freeSecrets(contentPaths(host, record.id));
  records.remove(record.id);
  await network.removeIdle(() => records.all().length > 0, call);
}
