import type { Call } from "../../contract/call.ts";
import type { HostServer } from "../../fleet/host.ts";
import type { DockerContext } from "../context.ts";
import { inspectedContainer, type ListedContainer, listedContainers } from "../engine/answers.ts";
import { label, ours } from "../names.ts";
import { type ContainerRecord, exitOf, hostServer, wasStarted } from "./record.ts";

/**
 * Every server, as its record and its container say. Records come first: one that is written meanwhile belongs to a container
 * that the engine may not have listed yet.
 */
export async function listContainers(host: DockerContext, call: Call): Promise<readonly HostServer[]> {
  const before = host.records.all();
  const listed = await containers(host, call);
  const states = new Map(listed.map(({ Id, State }) => [Id, State]));
  const settled = before.map((record) => settle(host, record, states.get(record.container ?? ""), call));
  const servers = (await Promise.all(settled)).flatMap((record) => (record ? [hostServer(record)] : []));
  await host.removal.sweep(listed, (each) => isStray(host, each), call);
  await host.network.removeIdle(() => host.records.all().length > 0, call);
  return servers;
}

async function containers({ engine, names }: DockerContext, { signal }: Call) {
  const query = { all: "1", filters: ours(names) };
  return (await engine.read({ path: "/containers/json", query, signal }, listedContainers)) ?? [];
}

/** What has become of it is remembered: a container may be removed by others. Undefined: the server is gone meanwhile. */
async function settle(
  host: DockerContext,
  record: ContainerRecord,
  state: string | undefined,
  call: Call,
): Promise<ContainerRecord | undefined> {
  if (record.exit !== undefined || record.container === undefined || isAtWork(record, state)) return record;
  return (await lookAt(host, record, call)) ?? record;
}

function isAtWork({ started }: ContainerRecord, state: string | undefined): boolean {
  return started === true && (state === "running" || state === "paused");
}

/** Asks the engine about this one container, and remembers what it says. Undefined: its record is gone. */
export async function lookAt(
  { engine, records, inspector, clock }: DockerContext,
  { id, container = "" }: ContainerRecord,
  { signal }: Call,
): Promise<ContainerRecord | undefined> {
  const path = `/containers/${container}/json`;
  const found = await engine.read({ path, accept: [404], signal }, inspectedContainer);
  const now = records.read(id);
  if (now === undefined || now.container !== container || now.exit !== undefined) return now;
  // Someone has removed it by hand: how it ended is not known.
  const exit = found ? exitOf(found, clock.now()) : { atMs: clock.now(), oomKilled: false };
  const started = now.started ?? (found ? wasStarted(found) : true);
  if (exit === undefined && started === (now.started ?? false)) return now;
  if (exit !== undefined) inspector.drop(id);
  const changed = { ...now, started, ...(exit && { exit }) };
  records.write(changed);
  return changed;
}

/** A record is written before its container is made, and removed after it: without one it is a leftover. */
function isStray({ records }: DockerContext, { Labels }: ListedContainer): boolean {
  return records.read(Labels[label.server] ?? "") === undefined;
}
