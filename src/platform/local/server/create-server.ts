import assert from "node:assert";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import type { Restoring } from "../../../domain/volume.ts";
import { KilnError, toKilnError } from "../../../lib/errors.ts";
import { findProcess } from "../../../lib/process/proc.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import type { Call } from "../../contract/call.ts";
import type { HostImage } from "../../contract/images.ts";
import type { HostJob, HostServer, ServerSpec } from "../../fleet/host.ts";
import { parseJobId } from "../../fleet/server-id.ts";
import { chooseAddress, formatAddress, gateway, parseAddress } from "../../linux/addresses.ts";
import { cgroupFolders, installationCgroup } from "../../linux/cgroups.ts";
import { openContent } from "../../linux/placed-content.ts";
import { bootId } from "../../linux/processes.ts";
import { signalNumber } from "../../linux/signals.ts";
import { notBegun, startFailure } from "../../linux/start-failure.ts";
import { serverAddress6 } from "../../linux/unique-local.ts";
import type { HostContext, Ingredients } from "../context.ts";
import type { Root } from "../image/roots.ts";
import { insideLinks, type Network, namespacePath, portOf, prefixOf } from "../network/commands.ts";
import { attachPort, configurePort } from "../network/ports.ts";
import { type ServerPaths, serverPaths } from "../paths.ts";
import { restoreParent } from "../process/parent-cgroup.ts";
import { findProgram } from "../programs.ts";
import { requireVolumes } from "../volumes/claims.ts";
import { openVolumes } from "../volumes/open-volumes.ts";
import { askedBaseline, bundleOf, keepBaseline, netNamespace, programOf, subjectOf } from "./baseline.ts";
import { conmonArgv, startConmon } from "./conmon.ts";
import { removeServer, sweepShared } from "./free-server.ts";
import { forbidProgramsInMemory } from "./memory-programs.ts";
import { addressesInUse } from "./orphans.ts";
import type { ServerRecord } from "./records.ts";
import { lastRuncError, runcStart } from "./runc.ts";
import { forgetSecretConfig, writeConfig } from "./runtime-config.ts";
import { findExit, hostServer, readMoment, settled } from "./server-state.ts";
import { type HeldNamespace, type NamespaceHolder, ownerOf } from "./user-namespaces.ts";

/** How long the server's program may take to be in place of runc, which detectors would take for one from elsewhere: on a busy machine, seconds. */
const programMs = 30_000;

/** See `Host.create` and `Host.runJob`. The caller holds the server's lock. */
export async function createServer(
  host: HostContext,
  spec: ServerSpec | HostJob,
  call: Call,
): Promise<HostServer> {
  const found = host.records.read(spec.id);
  const known = found && settled(host.records, found);
  if ((known?.running && !known.waiting) || known?.freed) {
    return hostServer(known, findExit(host.paths, known, readMoment(host.paths, host.clock.now())));
  }
  if (known) await removeServer(host, known);
  const ofRelease = await host.images.open(spec.release.image, call);
  const image = "command" in spec ? { ...ofRelease, argv: spec.command } : ofRelease;
  const restore = "restore" in spec ? spec.restore : undefined;
  const content = await openContent(host, spec.release);
  const { record, network } = await claim(host, spec, image);
  try {
    const running = await start(host, { record, image, content, restore }, network, call);
    host.records.write(running);
    const subject = subjectOf(host.paths, host.tag, running);
    if (subject) host.inspector.add(subject);
    return hostServer(running, undefined);
  } catch (error) {
    await giveUp(host, record);
    throw error;
  }
}

/** Mounts, bridge and record in one go under the lock: a cleanup sees all of it or none. */
function claim(
  host: HostContext,
  spec: Pick<ServerSpec, "id" | "release">,
  image: HostImage,
): Promise<{ readonly record: ServerRecord; readonly network: Network }> {
  const { release } = spec;
  const root = host.runtime.root(image, release);
  return host.shared(async () => {
    try {
      requireVolumes(host, spec.id, release);
      const [network] = await allDone([host.network.ensure(), host.runtime.ensureRoot(host, root)]);
      const record = newRecord(host, spec, image, root, network);
      host.records.write(record);
      await host.network.placeNames();
      return { record, network };
    } catch (error) {
      await sweepShared(host);
      throw error;
    }
  });
}

function newRecord(
  host: HostContext,
  { id, release }: Pick<ServerSpec, "id" | "release">,
  image: HostImage,
  root: Root,
  network: Network,
): ServerRecord {
  const address = freeAddress(host, network);
  const prefix = host.runtime.inside === "process" ? prefixOf(network) : undefined;
  const address6 = prefix && serverAddress6(prefix, network.subnet, address);
  return {
    format: 1,
    id,
    release,
    createdAtMs: host.clock.now(),
    bootId: bootId(),
    address: formatAddress(address),
    ...(address6 === undefined ? {} : { address6 }),
    mtu: network.mtu,
    gateway: formatAddress(gateway(network.subnet)),
    root: root.name,
    layers: root.layers.map(({ name }) => name),
    stopSignal: signalNumber(release.shape.stop?.signal ?? image.stopSignal),
    user: { uid: image.uid, gid: image.gid },
    freed: false,
  };
}

function freeAddress(host: HostContext, { subnet }: Network): number {
  const records = host.records.all();
  const newest = records.reduce((max, r) => (r.createdAtMs >= max.createdAtMs ? r : max), {
    createdAtMs: 0,
    address: "",
  } as Pick<ServerRecord, "createdAtMs" | "address">);
  const recorded = records.filter(({ freed }) => !freed).map(({ address }) => parseAddress(address) ?? 0);
  const used = new Set([...recorded, ...addressesInUse(host)]);
  const address = chooseAddress(subnet, used, parseAddress(newest.address) ?? 0);
  if (address === undefined) {
    throw new KilnError(
      "platform_unusable",
      `All ${used.size} addresses for servers on this machine are in use.`,
      {
        hint: "Scale a service down, or remove one.",
      },
    );
  }
  return address;
}

/** What a server is made from. */
interface Making extends Ingredients {
  readonly restore: Restoring | undefined;
}

async function start(host: HostContext, making: Making, network: Network, call: Call): Promise<ServerRecord> {
  const { record, image, restore } = making;
  const server = serverPaths(host.paths, record.id);
  const address = parseAddress(record.address);
  assert(address !== undefined);
  const port = { ...portOf(network, record.id, address), address6: record.address6 };
  await using holder = host.runtime.ownUsers ? host.userNamespaces.hold(ownerOf(address)) : undefined;
  makeFolders(host, server);
  const held = holder && (await heldBy(host, record, holder));
  const volumes = await openVolumes(host, { ...record, restore }, image);
  const config = await host.runtime.place(host, making, { network, port, held, volumes, call });
  writeConfig(server, making.content, config);
  const bundle = bundleOf(server);
  await attachPort(network, port, held?.pid);
  const restored = restoreParent(cgroupFolders(installationCgroup(host.tag)));
  if (restored.length > 0)
    host.log.warn({ restored }, "the cgroup above all servers was changed: it is restored");
  const made = { net: netNamespace(namespacePath(port.namespace)), ...(held && { user: held.link }) };
  const asked = { record, image, config, bundle, made, links: insideLinks[host.runtime.inside] };
  const [pid] = await allDone([
    makeProcess(host, record, image, call),
    configurePort(network, port, host.runtime.inside),
  ]);
  holder?.release();
  const process = findProcess(pid);
  assert(process, "runc has reported a process that is not there");
  keepBaseline(server, askedBaseline(host.paths, host.tag, { ...asked, pid }));
  const waiting = programOf(process);
  const monitor = findProcess(Number(readFileSync(server.monitorId, "utf8")));
  const running = { process, monitor };
  // What a job does must not be done twice: that it may have begun is known before it does.
  if (isJob(record.id)) host.records.write({ ...record, running, waiting: true });
  const started = runcStart(host.paths, server, record.id).catch((error) => {
    throw failure(host, record, image, error);
  });
  // runc takes many times as long: the server's program finds it done.
  await allDone([started, forbidProgramsInMemory(host, process)]);
  forgetSecretConfig(server);
  if (!(await waitUntil(host.clock, programMs, () => programOf(process) !== waiting, call.signal)))
    throw notBegun(record.id, programMs);
  await host.runtime.begun?.(host, { ...record, running }, call);
  return { ...record, running };
}

/** The process with everything around it, waiting for `runc start`. */
async function makeProcess(
  host: HostContext,
  record: ServerRecord,
  image: HostImage,
  call: Call,
): Promise<number> {
  const server = serverPaths(host.paths, record.id);
  try {
    return await startConmon(conmonArgv(host.paths, server, record.id, findProgram("runc")), call.signal);
  } catch (error) {
    throw failure(host, record, image, error);
  }
}

function failure(host: HostContext, record: ServerRecord, image: HostImage, error: unknown): unknown {
  if (!(error instanceof KilnError) || !["server_failed", "command_failed"].includes(error.code))
    return error;
  const message = lastRuncError(serverPaths(host.paths, record.id)) ?? error.message;
  const key = isJob(record.id) ? "jobs" : "image.command";
  return startFailure(record.id, image.argv[0] ?? "", message, key);
}

/** A server without a user namespace of its own is better than none: `kiln doctor` says what it lacks. */
async function heldBy(
  { log }: HostContext,
  { id }: ServerRecord,
  holder: NamespaceHolder,
): Promise<HeldNamespace | undefined> {
  const made = await holder.made;
  if (!("refused" in made)) return made;
  log.warn({ server: id, reason: made.refused }, "the server has no user namespace of its own");
  return undefined;
}

function makeFolders({ paths }: HostContext, server: ServerPaths): void {
  for (const folder of [paths.exits, paths.sockets]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  rmSync(server.exit, { force: true });
}

function isJob(id: string): boolean {
  return parseJobId(id) !== undefined;
}

/** Like Promise.all, but nothing continues in the background when it throws. */
async function allDone<A, B>(work: readonly [Promise<A>, Promise<B>]): Promise<readonly [A, B]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** What could not be started leaves nothing, not even a record: the error says why it failed. */
async function giveUp(host: HostContext, record: ServerRecord): Promise<void> {
  try {
    await removeServer(host, record);
  } catch (error) {
    host.log.warn({ server: record.id, error: toKilnError(error).message }, "left for the next destroy");
  }
}
