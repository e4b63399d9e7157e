import { join } from "node:path";
import type { ServerId } from "../../domain/ids.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import type { DriftSource } from "../contract/drift-source.ts";
import type { ImagePacker, ImagePusher } from "../contract/images.ts";
import type { Host, HostServer, HostTrouble } from "../fleet/host.ts";
import { type FleetRecords, openRecords, retire } from "../fleet/records.ts";
import { isHostedId } from "../fleet/server-id.ts";
import { requireHostedId } from "../fleet/server-turns.ts";
import { startTerraformDrift } from "./drift.ts";
import { planWords } from "./gate.ts";
import { type Groups, groupOf, openGroups } from "./group.ts";
import { sweepUnfinished } from "./group-folder.ts";
import { requireSupported } from "./preflight.ts";
import { probeTerraform } from "./probe.ts";
import { imageReference, publishImage } from "./publish.ts";
import { type GroupServer, hostServer, isRemoved, serverRecordSchema } from "./record.ts";
import { sweepOutput } from "./run.ts";
import { openWorkplace, type TerraformOptions, workFolders } from "./workplace.ts";

export interface TerraformHostOptions {
  readonly state: StateFolder;
  readonly target: string;
  readonly options: TerraformOptions;
  readonly images: ImagePusher & Pick<ImagePacker, "check">;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TerraformHost extends Host {
  /** Starts what looks for changes by others. */
  watchDrift(): DriftSource;
}

interface Context extends TerraformHostOptions {
  readonly records: FleetRecords<GroupServer>;
  readonly groups: Groups;
  /** What failed last of each group that has not succeeded since. */
  readonly failing: Map<string, KilnError>;
}

/**
 * Servers that a Terraform module makes. Each release group is a folder with a state of its own, docs/terraform.md. One process at a
 * time may have a host open on a target.
 */
export function terraformHost(options: TerraformHostOptions): TerraformHost {
  const host = openContext(options);
  const { records } = host;
  return {
    name: "terraform",
    probe: (call) => probeTerraform(options.options, call),
    list: async ({ signal }) => {
      signal.throwIfAborted();
      void sweep(host);
      return records.all().map(hostServer);
    },
    create: ({ id, release }, call) => create(host, id, release, call),
    retire: async (id) => retire(records, requireHostedId(id), host.clock.now()),
    stop: (id) => stop(host, requireHostedId(id)),
    destroy: (id) => destroy(host, requireHostedId(id)),
    quarantine: async (server) => {
      const record = records.read(server);
      if (record === undefined) throw new KilnError("server_unknown", `There is no server ${server}.`);
      records.write({ ...record, quarantinedAtMs: record.quarantinedAtMs ?? host.clock.now() });
      return { server, digest: undefined };
    },
    watch: () => ({ [Symbol.dispose]: () => {} }),
    requireSupported,
    forecast: async (release, size) => [planWords(await host.groups.trial(release, size), release.number)],
    check: ({ image }, call) => host.images.check(image, call),
    prepare: async (release, call) => {
      const { registry } = host.options;
      if (registry !== undefined) await publishImage(host.images, registry, release, call);
    },
    troubles: () => troublesOf(host),
    watchDrift: () => watchDrift(host),
  };
}

function openContext(host: TerraformHostOptions): Context {
  const { state, target, options, clock } = host;
  const folder = join(state.targets, target);
  const { work, runs } = workFolders(folder);
  sweepUnfinished(work);
  sweepOutput(runs);
  const records = openRecords<GroupServer>(join(folder, "servers"), serverRecordSchema, "lasting");
  const { registry } = options;
  const groups = openGroups({
    ...{ module: options.module, installation: state.tag, target, records, now: () => clock.now() },
    place: () => openWorkplace(folder, options),
    referenceOf: (release) => (registry === undefined ? undefined : imageReference(registry, release)),
  });
  return { ...host, records, groups, failing: new Map() };
}

function watchDrift({ records, groups, options, clock, log }: Context): DriftSource {
  const isThere = (record: GroupServer) => record.exit === undefined && record.unwanted !== true;
  return startTerraformDrift({
    groups: () => [...new Set(records.all().filter(isThere).map(groupOf))],
    look: (group) => groups.changes(group),
    serverOf: (name) => {
      const record = isHostedId(name) ? records.read(name) : undefined;
      if (record === undefined || !isThere(record)) return undefined;
      return { server: record.id, service: record.release.service, release: record.release.number };
    },
    ...{ everyMs: Number(options.refresh) * 60_000, clock, log },
  });
}

async function create(
  host: Context,
  id: ServerId,
  release: GroupServer["release"],
  call: Call,
): Promise<HostServer> {
  const { records, clock } = host;
  call.signal.throwIfAborted();
  const known = records.read(requireHostedId(id));
  if (known?.address !== undefined) return hostServer(known);
  if (known === undefined) records.write({ format: 1, id, release, createdAtMs: clock.now() });
  const failure = await converge(host, groupOf({ release })).catch((error: unknown) => toKilnError(error));
  const record = records.read(id);
  if (record?.address !== undefined) return hostServer(record);
  throw failure ?? new KilnError("server_failed", `Terraform has not made ${id}.`, { retry: true });
}

/** Its end may outlive this controller: that it is wanted is on record first. */
async function stop(host: Context, id: ServerId): Promise<void> {
  const { records, clock } = host;
  const record = records.read(id);
  if (record === undefined || record.exit !== undefined) return;
  records.write({ ...record, unwanted: true });
  await converge(host, groupOf(record));
  const now = records.read(id);
  if (now) records.write({ ...now, exit: now.exit ?? { atMs: clock.now(), oomKilled: false } });
}

async function destroy(host: Context, id: ServerId): Promise<void> {
  const { records, clock } = host;
  retire(records, id, clock.now());
  const record = records.read(id);
  if (record === undefined) return;
  if (!isRemoved(record)) {
    records.write({ ...record, unwanted: true });
    await converge(host, groupOf(record));
  }
  records.remove(id);
}

async function converge(host: Context, group: string): Promise<void> {
  try {
    await host.groups.converge(group);
    host.failing.delete(group);
  } catch (error) {
    host.failing.set(group, toKilnError(error));
    throw error;
  }
}

/** What a crash has left of the removal of a group. */
async function sweep(host: Context): Promise<void> {
  try {
    for (const group of host.groups.strays()) await converge(host, group);
  } catch (error) {
    host.log.warn({ err: toKilnError(error) }, "left for the next look");
  }
}

function troublesOf({ failing }: Context): readonly HostTrouble[] {
  return [...failing].map(([group, { message, hint }]) => ({
    message: `The group ${group}: ${message}`,
    hint,
  }));
}
