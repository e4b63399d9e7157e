import { join } from "node:path";
import type { ServerId } from "../../domain/ids.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";
import type { DriftSource } from "../contract/drift-source.ts";
import type { EvidenceKeeper } from "../contract/evidence.ts";
import type { ImagePacker } from "../contract/images.ts";
import type { Candidate } from "../contract/platform.ts";
import type { ConfigSource, SecretSource } from "../contract/sources.ts";
import type { Host } from "../fleet/host.ts";
import { openRecords, retire } from "../fleet/records.ts";
import { requireHostedId, serverTurns } from "../fleet/server-turns.ts";
import { findDevice } from "../linux/devices.ts";
import { createInspector } from "../linux/inspector.ts";
import type { Inspector } from "../linux/subject.ts";
import { createContainer } from "./containers/create-container.ts";
import { removeContainer, stopContainer } from "./containers/end-container.ts";
import { listContainers } from "./containers/list-containers.ts";
import { adopt } from "./containers/observed-server.ts";
import { quarantineContainer } from "./containers/quarantine-container.ts";
import { readContainerLog } from "./containers/read-log.ts";
import { type ContainerRecord, containerRecordSchema } from "./containers/record.ts";
import { containerRemoval } from "./containers/removal.ts";
import { containerUsage } from "./containers/usage.ts";
import type { DockerContext } from "./context.ts";
import { dockerEngine } from "./engine/engine.ts";
import { enginePresence } from "./engine/presence.ts";
import { watchEnds } from "./events.ts";
import { engineImages } from "./images.ts";
import { namesOf } from "./names.ts";
import { engineNetwork } from "./network.ts";
import { withNetworkDrift } from "./network-drift.ts";
import { probeEngine } from "./probe.ts";
import { checkProgram, enterServer, isolateServer } from "./sessions/enter-server.ts";

export interface DockerHostOptions {
  readonly state: StateFolder;
  readonly target: TargetName;
  /** Absolute path of the engine's Unix socket. */
  readonly socket: string;
  readonly images: ImagePacker;
  readonly secrets: SecretSource;
  readonly configs: ConfigSource;
  /** Absent: no evidence is kept. */
  readonly evidence?: EvidenceKeeper | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface DockerHost extends Host {
  readonly inspector: Inspector;
  /** What detectors of Linux processes find, and what only the engine knows. */
  watchDrift(inner: DriftSource): DriftSource;
}

/**
 * Servers as containers of a Docker engine on this machine. One process at a time may have a host open on a target. See
 * docs/docker.md.
 */
export function dockerHost(options: DockerHostOptions): DockerHost {
  const host = openContext(options);
  let adopted = false;
  const perServer = serverTurns();
  return {
    name: "docker",
    probe: (call) => probeEngine(host.engine, call),
    list: async (call) => {
      call.signal.throwIfAborted();
      const servers = await listContainers(host, call);
      if (!adopted) adopt(host, host.records.all());
      adopted = true;
      return servers;
    },
    create: (server, call) => perServer(server.id, call, () => createContainer(host, server, call)),
    runJob: (job, call) => perServer(job.id, call, () => createContainer(host, job, call)),
    retire: (id, call) => perServer(id, call, async () => retire(host.records, id, host.clock.now())),
    stop: (id, graceMs, call) => perServer(id, call, () => stopContainer(host, id, graceMs, call)),
    destroy: (id, call) => perServer(id, call, () => destroy(host, id, call)),
    quarantine: (id, taint, call) => perServer(id, call, () => quarantineContainer(host, id, taint, call)),
    watch: (ended) => watchEnds(host, ended),
    requireSupported: requirePossible,
    check: (release, call) => host.images.check(release.image, call),
    prepare: async (release, call) => {
      await host.images.ensure(release.image, call);
    },
    troubles: () => host.removal.troubles(),
    inspector: host.inspector,
    watchDrift: (inner) => withNetworkDrift(host, inner),
    access: {
      check: (id, command, call) => checkProgram(host, requireHostedId(id), command, call),
      isolate: (id, call) => perServer(id, call, async () => isolateServer(host, id)),
      enter: (order, call) => perServer(order.server, call, () => enterServer(host, order, call)),
    },
    usage: { read: (ids, call) => containerUsage(host, ids, call) },
    logs: { read: (id, how, signal) => readContainerLog(host, requireHostedId(id), how, signal) },
  };
}

function openContext(options: DockerHostOptions): DockerContext {
  const { state, target, socket, images, ...rest } = options;
  const engine = dockerEngine(socket);
  const names = namesOf(state.tag, target);
  const folder = join(state.targets, target);
  return {
    ...rest,
    ...{ engine, socket, names, folder, evidence: options.evidence },
    records: openRecords<ContainerRecord>(folder, containerRecordSchema),
    images: engineImages(engine, images),
    network: engineNetwork(engine, names),
    removal: containerRemoval({ engine, clock: options.clock, log: options.log }),
    presence: enginePresence(socket),
    inspector: createInspector(),
  };
}

/** Its end may outlive this controller: that it is wanted is on record first. */
async function destroy(host: DockerContext, id: ServerId, call: Call): Promise<void> {
  retire(host.records, id, host.clock.now());
  const record = host.records.read(id);
  if (record) await removeContainer(host, record, call);
}

/** Throws `traffic_unsupported`: Docker's packet filter drops what others lead to a container (docs.docker.com, "Packet filtering and firewalls"). */
function requirePossible({ traffic, shape }: Candidate): void {
  for (const device of shape.devices ?? []) findDevice(device);
  if (traffic?.mode !== "udp") return;
  throw new KilnError(
    "traffic_unsupported",
    "Kiln cannot lead datagrams to containers of a Docker engine: `traffic.mode: udp` is not possible there.",
    { hint: "Deploy to the target `local`, or to one of the platform `vm`." },
  );
}
