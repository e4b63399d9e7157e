import { mkdirSync } from "node:fs";
import type { ServerId } from "../../domain/ids.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { watchFolder } from "../../lib/files/folder-watch.ts";
import { createLock, type Lock } from "../../lib/locks.ts";
import type { Logger } from "../../lib/log.ts";
import { type Listener, parseDatagramListeners, parseListeners } from "../../lib/process/listeners.ts";
import { isAlive, readIfThere } from "../../lib/process/proc.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { waitUntil } from "../../lib/time/wait-until.ts";
import type { Call } from "../contract/call.ts";
import type { EvidenceKeeper } from "../contract/evidence.ts";
import type { ImageSource } from "../contract/images.ts";
import type { LogReader, ServerUsage } from "../contract/reading.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { Host, HostServer } from "../fleet/host.ts";
import { retire } from "../fleet/records.ts";
import { parseServerId } from "../fleet/server-id.ts";
import { requireHostedId, serverTurns } from "../fleet/server-turns.ts";
import { readCgroupSupport, serverCgroup } from "../linux/cgroups.ts";
import { findDevice } from "../linux/devices.ts";
import { createInspector } from "../linux/inspector.ts";
import { isMounting } from "../linux/processes.ts";
import type { Inspector } from "../linux/subject.ts";
import { cgroupUsage } from "../linux/usage.ts";
import { containers } from "./containers.ts";
import type { HostContext, Runtime } from "./context.ts";
import { layerVerifier, protectAgain } from "./image/layer-files.ts";
import { readLog } from "./log/log-reader.ts";
import type { Caller } from "./network/names/rules.ts";
import { localNetwork } from "./network/network.ts";
import { hostPaths } from "./paths.ts";
import { probeLocalHost } from "./probe.ts";
import { subjectOf } from "./server/baseline.ts";
import { createServer } from "./server/create-server.ts";
import { checkProgram, enterServer, isolateServer } from "./server/enter-server.ts";
import { freeServer, removeServer, sweepShared } from "./server/free-server.ts";
import { killStrangers } from "./server/kill-strangers.ts";
import { listServers } from "./server/list-servers.ts";
import { endOrphan, orphans } from "./server/orphans.ts";
import { quarantineServer } from "./server/quarantine-server.ts";
import { openRecords, type ServerRecords } from "./server/records.ts";
import { findExit, readMoment } from "./server/server-state.ts";
import { userNamespaces } from "./server/user-namespaces.ts";
import { volumeKeeper } from "./volumes/keeper.ts";
import { sweepLeftovers } from "./volumes/leftovers.ts";
import { resumeAllPaused } from "./volumes/pause.ts";
import { volumeTurns } from "./volumes/turns.ts";

export interface LocalHostOptions {
  readonly state: StateFolder;
  readonly images: ImageSource;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  /** Absent: containers. */
  readonly runtime?: Runtime;
  /** Absent: no evidence is kept. */
  readonly evidence?: EvidenceKeeper | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface LocalHost extends Host {
  readonly logs: LogReader;
  readonly inspector: Inspector;
}

/**
 * Servers as containers on this machine: runc makes them, conmon watches over them, and both outlive the controller.
 * One process at a time may have a host open on a state folder. See docs/local-platform.md.
 */
export function localHost(options: LocalHostOptions): LocalHost {
  const host = openContext(options);
  const perServer = serverTurns();
  let swept = false;
  return {
    name: host.runtime.platform,
    probe: () => probeLocalHost(host),
    list: async (call) => {
      for (const id of orphans(host))
        await perServer(id, call, () => endOrphan(host, id)).catch(later(host, id));
      // A crash may have left mounts that no record names; later, freeing a server removes them.
      if (!swept) await host.shared(() => sweepShared(host));
      if (!swept) await resumeAllPaused(host);
      if (!swept) leftovers(host);
      const first = !swept;
      swept = true;
      const servers = await listServers(host);
      if (first) adopt(host, servers);
      return servers;
    },
    create: (server, call) => perServer(server.id, call, () => createServer(host, server, call)),
    runJob: (job, call) => perServer(job.id, call, () => createServer(host, job, call)),
    retire: (id, call) => perServer(id, call, async () => retire(host.records, id, host.clock.now())),
    stop: (id, graceMs, call) => perServer(id, call, () => stopServer(host, id, graceMs, call)),
    destroy: (id, call) => perServer(id, call, () => destroyServer(host, id)),
    quarantine: (id, taint, call) =>
      perServer(id, call, () => quarantineServer(host, options.evidence, id, taint, call)),
    watch: (ended) => watchExits(host, ended),
    requireSupported: ({ shape }) => requireOwnDevices(host.runtime, shape),
    check: (release, call) => options.images.check(release.image, call),
    prepare: async (release, call) => {
      await host.runtime.prepare(call);
      await options.images.open(release.image, call);
    },
    suspect: () => host.network.suspect(),
    listeners: (id, transport) => listenersOf(host, requireHostedId(id), transport),
    troubles: () => host.network.troubles(),
    inspector: host.inspector,
    access: {
      check: (id, command, call) => checkProgram(host, requireHostedId(id), command, call),
      isolate: (id, call) => perServer(id, call, async () => isolateServer(host, id)),
      enter: (order, call) => perServer(order.server, call, () => enterServer(host, order, call)),
    },
    logs: {
      read: (id, how, signal) => readLog(host, requireHostedId(id), how, signal),
    },
    usage: { read: async (ids) => usageOf(host.tag, ids) },
    names: {
      offer: (service, offered) => host.network.offer(service, offered),
      withdraw: (service) => host.network.withdraw(service),
    },
    volumes: volumeKeeper(host),
  };
}

function requireOwnDevices({ inside }: Runtime, { devices = [] }: ServerShape): void {
  if (inside === "process") for (const device of devices) findDevice(device);
  else if (devices.length > 0)
    throw new KilnError(
      "shape_unsupported",
      `A virtual machine does not have the devices of this machine, and \`servers.devices\` names ${devices.join(", ")}.`,
      { hint: "Remove `servers.devices` for this target, or deploy to the target `local`." },
    );
}

function usageOf(tag: string, ids: readonly ServerId[]): ReadonlyMap<ServerId, ServerUsage> {
  return new Map(
    ids.flatMap((id) => {
      const usage = cgroupUsage(serverCgroup(tag, id));
      return usage === undefined ? [] : [[id, usage] as const];
    }),
  );
}

function listenersOf(
  host: HostContext,
  id: ServerId,
  transport: "tcp" | "udp" = "tcp",
): readonly Listener[] | undefined {
  const process = host.records.read(id)?.running?.process;
  if (process === undefined) return undefined;
  const names = [transport, `${transport}6`];
  const tables = names.map((name) => readIfThere(`/proc/${process.pid}/net/${name}`) ?? "");
  const parse = transport === "tcp" ? parseListeners : parseDatagramListeners;
  return isAlive(process) ? parse(...tables) : undefined;
}

/** What does not end now is tried again with the next look; the others are reported meanwhile. */
function later(host: HostContext, server: ServerId): (error: unknown) => void {
  return (error) =>
    host.log.warn(
      { server, error: toKilnError(error).message },
      "not finished: Kiln tries again at the next look",
    );
}

/** No one waits for that. */
function leftovers(host: HostContext): void {
  sweepLeftovers(host).catch((error) =>
    host.log.warn({ error: toKilnError(error).message }, "leftovers of volumes could not be removed"),
  );
}

/** Servers that a former controller has made are looked at from now on. */
function adopt(host: HostContext, servers: readonly HostServer[]): void {
  const known = new Set(host.inspector.subjects().map(({ server }) => server));
  for (const { id, state } of servers) {
    const record = state === "running" && !known.has(id) ? host.records.read(id) : undefined;
    if (record?.quarantinedAtMs !== undefined || record?.openedAtMs !== undefined) continue;
    const subject = record && subjectOf(host.paths, host.tag, record);
    if (subject) host.inspector.add(subject);
    else if (record && parseServerId(id))
      host.log.warn({ server: id }, "the server has no baseline: Kiln cannot see its drift");
  }
}

function openContext({
  state,
  images,
  secrets,
  configs,
  clock,
  log,
  runtime,
}: LocalHostOptions): HostContext {
  const paths = hostPaths(state);
  const shared = lockAfterOthers(paths.servers, clock);
  const records = openRecords(paths);
  return {
    tag: state.tag,
    paths,
    records,
    runtime: runtime ?? containers(),
    images,
    secrets,
    configs,
    network: localNetwork({
      ...{ paths, tag: state.tag, clock, log, lock: shared },
      links: () => linksOf(records),
      callers: () => callersOf(records),
    }),
    userNamespaces: userNamespaces(),
    volumeTurns: volumeTurns(),
    cgroups: readCgroupSupport(),
    inspector: { ...createInspector(), protect: (file) => shared(() => protectAgain(paths, file)) },
    verifyLayer: layerVerifier(),
    shared,
    clock,
    log,
  };
}

function linksOf(records: ServerRecords): readonly { readonly mtu?: number | undefined }[] {
  return records.all().filter(({ freed }) => !freed);
}

function callersOf(records: ServerRecords): readonly Caller[] {
  return records
    .all()
    .filter(({ freed }) => !freed)
    .map(({ address, address6, release: { service, network } }) => {
      return { address, address6, service, metadata: network?.metadata };
    });
}

/** How long what a killed controller has begun may take to end. */
const othersMs = 5_000;

/** The first to get it waits until mounts are over that a killed controller has left on their way. */
function lockAfterOthers(folder: string, clock: Clock): Lock {
  const lock = createLock();
  let quiet: Promise<boolean> | undefined;
  return (work) =>
    lock(async () => {
      quiet ??= waitUntil(clock, othersMs, () => !isMounting(folder));
      await quiet;
      return work();
    });
}

async function stopServer(host: HostContext, id: ServerId, graceMs: number, call: Call): Promise<void> {
  const record = host.records.read(id);
  if (!record || record.freed) return;
  const ended = () => findExit(host.paths, record, readMoment(host.paths, host.clock.now())) !== undefined;
  host.inspector.drop(id);
  if (record.running && !ended()) {
    killStrangers(host, record);
    const isAsked = await host.runtime.askToEnd(host, record);
    if (isAsked) await waitUntil(host.clock, graceMs, ended, call.signal);
  }
  await freeServer(host, record);
}

/** Its end may outlive this controller: that it is wanted is on record first. */
async function destroyServer(host: HostContext, id: ServerId): Promise<void> {
  retire(host.records, id, host.clock.now());
  const record = host.records.read(id);
  if (record) await removeServer(host, record);
}

/** conmon writes the exit file under another name and renames it; only whole ones are named like servers. */
function watchExits(host: HostContext, ended: (id: ServerId) => void): Disposable {
  mkdirSync(host.paths.exits, { recursive: true, mode: 0o700 });
  const changed = (name: string) => {
    if (!host.records.read(name)) return;
    host.inspector.drop(name);
    ended(name);
  };
  return watchFolder(host.paths.exits, { clock: host.clock, log: host.log, changed });
}
