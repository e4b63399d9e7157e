import type { ServerId } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call } from "../contract/call.ts";
import type { Evidence } from "../contract/evidence.ts";
import type { LogLine, LogReader } from "../contract/reading.ts";
import type { Host, HostServer, ServerSpec } from "../fleet/host.ts";
import { parseJobId } from "../fleet/server-id.ts";
import { fakeVolumes, takeVolumes } from "./fake-volumes.ts";
import type { FakeServer, FakeWorld } from "./world.ts";

/** A host in memory: its servers live in `world` and outlast every controller. */
export function fakeHost(world: FakeWorld): Host {
  const perform = <T>(
    operation: string,
    subject: string | undefined,
    call: Call,
    work: () => T | Promise<T>,
  ) => world.perform({ part: "host", operation, subject }, call.signal, work);
  return {
    name: "fake",
    probe: (call) =>
      perform("probe", undefined, call, () => ({ usable: true, gaps: [], facts: ["a fake host in memory"] })),
    list: (call) => perform("list", undefined, call, () => list(world, call.signal)),
    create: (spec, call) => perform("create", spec.id, call, () => create(world, spec, call.signal)),
    retire: (id, call) => perform("retire", id, call, () => retire(world, id)),
    stop: (id, _graceMs, call) => perform("stop", id, call, () => stop(world, id, call.signal)),
    destroy: (id, call) => perform("destroy", id, call, () => void world.servers.delete(id)),
    runJob: (job, call) => perform("runJob", job.id, call, () => create(world, job, call.signal)),
    watch: (ended) => watch(world, ended),
    check: (release, call) =>
      perform("check", release.service, call, () => requireImage(world, release.image)),
    prepare: (release, call) =>
      perform("prepare", release.service, call, () => requireImage(world, release.image)),
    quarantine: (server, _reason, call) =>
      perform("quarantine", server, call, () => quarantine(world, server)),
    access: {
      check: async (server, [program = ""]) => {
        if (world.servers.has(server) && program !== "nonsense") return;
        throw new KilnError("command_missing", `The command "${program}" is not in the image.`);
      },
      isolate: (server, call) => perform("isolate", server, call, () => void quarantine(world, server)),
      enter: (order, call) =>
        perform("enter", order.server, call, () => {
          known(world, order.server);
          return { argv: order.command, transcript: "/dev/null" };
        }),
    },
    troubles: () => [...world.troubles],
    volumes: fakeVolumes(world),
    logs: { read: (id, options, signal) => readLogs(world, id, options, signal) },
  };
}

function shown({ record, released }: FakeServer): HostServer {
  return record.state === "exited" && !released ? { ...record, unfreed: true } : record;
}

async function list(world: FakeWorld, signal: AbortSignal): Promise<readonly HostServer[]> {
  const records = [...world.servers.values()].map(shown);
  if (world.listMs > 0) await world.clock.sleep(world.listMs, signal);
  return records;
}

async function create(
  world: FakeWorld,
  { id, release }: ServerSpec,
  signal: AbortSignal,
): Promise<HostServer> {
  const present = world.servers.get(id);
  if (present !== undefined && present.record.state !== "creating") return shown(present);
  requireImage(world, release.image);
  takeVolumes(world, id, release);
  const { startMs = 0, createError, lines = [] } = world.behaviourOf(id);
  const now = world.clock.now();
  const record: HostServer = {
    id,
    release,
    createdAtMs: now,
    state: "creating",
    address: freeAddress(world),
    exit: undefined,
    quarantinedAtMs: undefined,
    retiredAtMs: undefined,
  };
  const server: FakeServer = {
    record,
    release,
    startedMs: world.clock.elapsed(),
    released: false,
    lines: [],
  };
  world.servers.set(id, server);
  if (startMs > 0) await world.clock.sleep(startMs, signal);
  if (createError !== undefined) throw createError;
  if (world.servers.get(id) !== server)
    throw new KilnError("server_failed", `${id} was destroyed meanwhile.`);
  server.startedMs = world.clock.elapsed();
  server.record = { ...server.record, state: "running" };
  world.starts.set(id, (world.starts.get(id) ?? 0) + 1);
  for (const text of lines) server.lines.push({ atMs: world.clock.now(), text });
  scheduleExit(world, id);
  return server.record;
}

function scheduleExit(world: FakeWorld, id: ServerId): void {
  // A server runs until it is stopped; a job, if nothing else is said, does its work.
  const job = parseJobId(id) === undefined ? {} : { exitAfterMs: 10, exitCode: 0 };
  const { exitAfterMs, exitCode = 1, oomKilled = false } = { ...job, ...world.behaviourOf(id) };
  if (exitAfterMs !== undefined && Number.isFinite(exitAfterMs)) {
    void world.clock.sleep(exitAfterMs).then(() => world.exit(id, exitCode, oomKilled));
  }
}

/** Once it has its stop signal it ends, whether or not a caller still waits for that. */
async function stop(world: FakeWorld, id: ServerId, signal: AbortSignal): Promise<void> {
  const { stopMs = 0 } = world.behaviourOf(id);
  const server = world.servers.get(id);
  if (server === undefined) return;
  const code = parseJobId(id) === undefined ? 0 : 143;
  if (server.record.state === "running" && stopMs > 0) {
    void world.clock.sleep(stopMs).then(() => world.servers.get(id) === server && world.exit(id, code));
    await world.clock.sleep(stopMs, signal);
  }
  world.exit(id, code);
  server.released = true;
}

function retire(world: FakeWorld, id: ServerId): void {
  const server = world.servers.get(id);
  if (server === undefined) return;
  const retiredAtMs = server.record.retiredAtMs ?? world.clock.now();
  server.record = { ...server.record, retiredAtMs };
}

function known(world: FakeWorld, id: ServerId) {
  const server = world.servers.get(id);
  if (server === undefined) throw new KilnError("server_unknown", `There is no server ${id}.`);
  return server;
}

function quarantine(world: FakeWorld, id: ServerId): Evidence {
  const server = known(world, id);
  const quarantinedAtMs = server.record.quarantinedAtMs ?? world.clock.now();
  server.record = { ...server.record, quarantinedAtMs };
  return { server: id, digest: `sha256:${"e".repeat(64)}` };
}

/** The lowest free one: addresses are used again soon, so that traffic to a former holder shows. */
function freeAddress(world: FakeWorld): string {
  const holders = [...world.servers.values()].filter((s) => !s.released);
  const taken = new Set(holders.map((s) => s.record.address));
  for (let n = 1; ; n++) {
    const address = `10.0.${n >> 8}.${n & 255}`;
    if (!taken.has(address)) return address;
  }
}

function requireImage(world: FakeWorld, image: string): void {
  if (world.missingImages.has(image)) throw new KilnError("image_unknown", `There is no image ${image}.`);
}

function watch(world: FakeWorld, ended: (id: ServerId) => void): Disposable {
  const callback = (id: ServerId) => ended(id);
  world.ended.add(callback);
  return { [Symbol.dispose]: () => void world.ended.delete(callback) };
}

async function* readLogs(
  world: FakeWorld,
  id: ServerId,
  { tail, follow }: Parameters<LogReader["read"]>[1],
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const server = known(world, id);
  let next = tail === undefined ? 0 : Math.max(0, server.lines.length - tail);
  for (;;) {
    for (; next < server.lines.length; next++) {
      const line = server.lines[next];
      if (line !== undefined) yield { ...line, stream: "stdout" };
    }
    if (!follow || signal.aborted || world.servers.get(id) !== server) return;
    await world.clock.sleep(100, signal).catch(() => {});
  }
}
