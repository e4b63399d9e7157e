import { rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { previewedBy, type ServerId, type ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { listenersOf } from "../../domain/traffic/listener.ts";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { NewestSecret } from "../certificate.ts";
import type { RoutedService, Router, RouterOptions, UpstreamCounts } from "../router.ts";
import { closeLong } from "./close-long.ts";
import {
  checkCertificates,
  clearCertificates,
  placeCertificates,
  placeLists,
  servableCertificates,
} from "./config/certificates.ts";
import { parseConfig, parseRecords, renderConfig, routesOf, spokenBy } from "./config/config.ts";
import { assertNoConflict, uniqueFrontends } from "./config/frontends.ts";
import { backendName, modesOf } from "./config/names.ts";
import { assertPortsFree, letConnectionsMigrate, listeners } from "./config/ports.ts";
import { clearRoutes, placeRoutes } from "./config/route-map.ts";
import { otherRouters, routerPaths } from "./paths.ts";
import { serverCommands, trustCommands } from "./process/commands.ts";
import { readMachine } from "./process/machine.ts";
import { probeHaproxy } from "./process/probe.ts";
import {
  endAll,
  installConfig,
  type ProcessContext,
  pidIn,
  processes,
  reload,
  start,
} from "./process/process.ts";
import { serialQueue } from "./process/queue.ts";
import {
  type LiveServer,
  type Processes,
  parseCounts,
  parseOpenSessions,
  parseServers,
} from "./process/replies.ts";
import { ask } from "./process/socket.ts";
import { watchMaster } from "./process/watch.ts";
import { type Renewal, renewal } from "./renewal.ts";
import { responseTimesTable } from "./response-times.ts";

export interface HaproxyRouterOptions {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly log: Logger;
  /** For certificates that are secrets. */
  readonly secret: NewestSecret;
}

/** What the running HAProxy has. */
interface Running {
  readonly services: readonly RoutedService[];
  readonly servers: readonly LiveServer[];
  readonly processes: Processes;
}

const settleMs = 10_000;
const pollMs = 10;

interface Context extends ProcessContext {
  readonly state: StateFolder;
  readonly log: Logger;
  readonly secret: NewestSecret;
}

/**
 * The router of one machine: HAProxy 2.6 or newer. It holds nothing in memory: what runs is read from HAProxy's
 * runtime socket with every call, so a router made later, by another process, takes it over as it is.
 */
export function haproxyRouter({ state, clock, log, secret }: HaproxyRouterOptions): Router {
  const inTurn = serialQueue();
  const paths = routerPaths(state);
  const renewed = renewal();
  const context = ({ signal }: RouterOptions): Context => ({ state, paths, clock, log, secret, signal });
  return {
    probe: probeHaproxy,
    observe: (options) => inTurn(async () => (await observe(context(options)))?.services ?? []),
    apply: (service, options) => inTurn(() => apply(service, context(options))),
    remove: (service, options) => inTurn(() => remove(service, context(options))),
    open: (service, upstream, options) => inTurn(() => openSessions(service, upstream, context(options))),
    closeLong: (service, upstream, progress, options) =>
      closeLong({ service, upstream, progress }, context(options)),
    counts: (service, options) => counts(service, context(options)),
    check: (service, frontends, options) =>
      inTurn(() => checkFrontends({ service, frontends }, context(options))),
    renew: (observed, options) => inTurn(() => renew(observed, renewed, context(options))),
    watch: (ended) => watchMaster(paths.masterSocket, ended),
    stopIdle: (options) => inTurn(() => stopIdle(context(options))),
    stop: (options) => inTurn(() => stop(context(options))),
  };
}

/**
 * Undefined when HAProxy does not run. While it is starting, ending or reloading, its processes may say different
 * things: then they are asked again.
 */
async function observe(context: Context): Promise<Running | undefined> {
  const { paths, clock, signal } = context;
  const untilMs = clock.elapsed() + settleMs;
  while (clock.elapsed() < untilMs) {
    const [reply, now] = await Promise.all([
      ask(paths.runtimeSocket, ["show info", "show env", "show servers state", "show backend"], signal),
      processes(context),
    ]);
    if (reply === undefined) return undefined;
    if (now?.worker !== undefined && now.worker === pidIn(reply)) {
      return read(reply, now, spokenBy((await readTextIfExists(paths.config)) ?? ""));
    }
    await clock.sleep(pollMs, signal);
  }
  context.log.warn("HAProxy's worker and master do not agree; Kiln treats HAProxy as dead");
  return undefined;
}

/** As `observe`; what is left of a dead HAProxy, and may still hold its ports, is ended. */
async function observeOrClear(context: Context): Promise<Running | undefined> {
  const running = await observe(context);
  if (!running) await endAll(context);
  return running;
}

function read(reply: string, now: Processes, spoken: ReturnType<typeof spokenBy>): Running {
  const servers = parseServers(reply);
  const lines = new Set(reply.split("\n"));
  const services = parseRecords(reply)
    // The environment outlives a reload, also the record of a service that is no more; its backend does not.
    .filter((record) => lines.has(mainBackend(record)))
    .map((record) => ({ ...record, upstreams: upstreamsOf(mainBackend(record), servers, spoken) }));
  return { services, servers, processes: now };
}

function mainBackend(service: Pick<RoutedService, "service" | "frontends">): string {
  return backendName(service.service, modesOf(service)[0] ?? "http");
}

function upstreamsOf(
  backend: string,
  servers: readonly LiveServer[],
  spoken: ReturnType<typeof spokenBy>,
): RoutedService["upstreams"] {
  return servers
    .filter((s) => s.backend === backend && !s.maintenance)
    .map(({ name, address, port, weight }) => ({ id: name, address, port, weight, ...spoken.get(name) }));
}

async function apply(asked: RoutedService, context: Context): Promise<void> {
  const service = { ...asked, frontends: uniqueFrontends(asked.frontends) };
  const running = await observeOrClear(context);
  const known = running?.services ?? (await servicesOnFile(context));
  const others = known.filter((s) => s.service !== service.service);
  assertNoConflict(service, others);
  const changesHands = await requirePorts(service, running, context);
  if (changesHands) await letConnectionsMigrate(context.log);
  await placeCertificates(service, context);
  if (!running) return startWith(service, others, context);
  const present = running.services.find((s) => s.service === service.service);
  if (present && isDeepStrictEqual(structureOf(present), structureOf(service))) {
    return changeServers(service, [...others, service], running, context);
  }
  await reloadWith([...others, service], running, context);
  await confirm(service, context);
}

/** What only a reload can change. */
function structureOf({ frontends, health }: RoutedService): unknown {
  return JSON.parse(JSON.stringify({ frontends, health }));
}

/** Whether a port changes hands: one that another router of this installation has for the same service may be open twice. Throws `port_taken`. */
async function requirePorts(
  asked: Pick<RoutedService, "service" | "frontends">,
  running: Running | undefined,
  context: Context,
): Promise<boolean> {
  const ours = (running?.services ?? []).flatMap(portsOf);
  const wanted = portsOf(asked).filter((port) => !ours.includes(port));
  if (wanted.length === 0) return false;
  const taken = new Set((await listeners()).map(({ port }) => port));
  const shared = wanted.some((port) => taken.has(port)) ? await portsElsewhere(asked.service, context) : [];
  await assertPortsFree(wanted.filter((port) => !shared.includes(port)));
  return wanted.some((port) => shared.includes(port));
}

/** The ports that other routers of this installation have for this service alone. */
async function portsElsewhere(service: ServiceKey, context: Context): Promise<readonly number[]> {
  const others = await otherRouters(context.state);
  const running = await Promise.all(others.map((paths) => observe({ ...context, paths })));
  return running.flatMap((other) => {
    const [own = [], foreign = []] = [true, false].map((isOwn) =>
      (other?.services ?? [])
        .filter((s) => (ownerOf(s.service) === ownerOf(service)) === isOwn)
        .flatMap(portsOf),
    );
    return own.filter((port) => !foreign.includes(port));
  });
}

function portsOf({ frontends }: Pick<RoutedService, "frontends">): readonly number[] {
  const open = frontends.filter(({ closed }) => !closed);
  return open.flatMap(listenersOf).map(({ listen }) => listen);
}

async function servicesOnFile({ paths }: Context): Promise<readonly RoutedService[]> {
  return parseConfig((await readTextIfExists(paths.config)) ?? "");
}

/** A service whose port was taken, or whose certificate was lost, while the router was down must not keep the others from being served. */
async function startWith(
  service: RoutedService,
  others: readonly RoutedService[],
  context: Context,
): Promise<void> {
  const taken = new Set((await listeners()).map((l) => l.port));
  const free = others.filter((s) => !portsOf(s).some((port) => taken.has(port)));
  const servable = await servableCertificates(free, context);
  for (const left of others.filter((s) => !servable.includes(s))) {
    const why = free.includes(left) ? "its certificate can't be used" : "its port is taken";
    context.log.warn({ service: left.service }, `left out of the router: ${why}`);
  }
  await install([...servable, service], context);
  await start(context);
  await clearCertificates([...servable, service], context);
  await clearRoutes(routesOf([...servable, service]), context.paths);
  context.log.info("started HAProxy");
  const running = await observe(context);
  await trust(running?.servers ?? [], context);
  await confirm(service, context);
}

/** Without a reload. The file is written first: a crash in between leaves it newer, and the next call compares with HAProxy. */
async function changeServers(
  service: RoutedService,
  all: readonly RoutedService[],
  running: Running,
  context: Context,
): Promise<void> {
  const text = renderConfig(all, await readMachine(context.state));
  if (text !== (await readTextIfExists(context.paths.config))) {
    // Kiln 0.1 left none, and HAProxy may start from this file by itself.
    await placeRoutes(routesOf(all), context.paths);
    // Not forced to the disk: after a power failure no HAProxy runs, and the next call brings every upstream again.
    await writeFileAtomic(context.paths.config, text, { durable: false });
  }
  const commands = serverCommands(service, running.servers);
  if (commands.length === 0) return;
  const reply = await ask(context.paths.runtimeSocket, commands, context.signal);
  await confirm(service, context, reply);
}

async function reloadWith(
  services: readonly RoutedService[],
  running: Running,
  context: Context,
): Promise<void> {
  const before = (await readTextIfExists(context.paths.config)) ?? "";
  await install(services, context);
  try {
    await reload(running.processes, context);
  } catch (error) {
    await writeFileAtomic(context.paths.config, before, { durable: false });
    throw error;
  }
  await clearCertificates(services, context);
  await clearRoutes(routesOf(services), context.paths);
  await trust(running.servers, context);
}

async function install(services: readonly RoutedService[], context: Context): Promise<void> {
  await placeLists(services, context);
  await placeRoutes(routesOf(services), context.paths);
  await installConfig(renderConfig(services, await readMachine(context.state)), context);
}

/** After a start one failed check takes a server out. Those that were healthy keep the tolerance that was asked for. */
async function trust(before: readonly LiveServer[], context: Context): Promise<void> {
  const healthy = new Set(before.filter((s) => s.up).map((s) => `${s.backend}/${s.name}`));
  const now = (await observe(context))?.servers ?? [];
  const commands = trustCommands(now.filter((s) => healthy.has(`${s.backend}/${s.name}`)));
  await ask(context.paths.runtimeSocket, commands, context.signal);
}

/** Reads back that HAProxy has what was asked for; its own words on what it refused are in `reply`. */
async function confirm(service: RoutedService, context: Context, reply = ""): Promise<void> {
  const running = await observe(context);
  const present = running?.services.find((s) => s.service === service.service);
  if (running && present && isDeepStrictEqual(weights(present), weights(service))) {
    const missing = serverCommands(service, running.servers).filter((c) => !c.startsWith("del server "));
    if (missing.length === 0) return;
  }
  const words = reply.split("\n").filter((line) => line.trim() !== "");
  throw new KilnError(
    "router_failed",
    `HAProxy does not have the servers of ${service.service} that it was given${words.length > 0 ? `: ${words.slice(-4).join("; ")}` : "."}`,
    {
      hint: "Kiln repeats the call; `router/haproxy.log` in the state folder has the details.",
      retry: true,
    },
  );
}

function weights(service: RoutedService): ReadonlyMap<ServerId, string> {
  return new Map(service.upstreams.map((t) => [t.id, `${t.address} ${t.port} ${t.weight}`]));
}

async function remove(service: ServiceKey, context: Context): Promise<void> {
  const running = await observe(context);
  const known = running?.services ?? (await servicesOnFile(context));
  const rest = known.filter((s) => s.service !== service);
  if (rest.length === known.length) return;
  if (running) return reloadWith(rest, running, context);
  await placeRoutes(routesOf(rest), context.paths);
  await writeFileAtomic(context.paths.config, renderConfig(rest, await readMachine(context.state)));
}

/** Workers that leave after a reload still have connections to the upstream, so they are asked too. */
async function openSessions(service: ServiceKey, upstream: ServerId, context: Context): Promise<number> {
  const { paths, signal } = context;
  const leaving = (await observe(context))?.processes.leaving ?? [];
  const counts = (["http", "tcp"] as const).flatMap((mode) => {
    const backend = backendName(service, mode);
    const question = `show stat ${backend} 4 -1`; // 4: servers; -1: all of them
    const replies = [
      ask(paths.runtimeSocket, [question], signal),
      ...leaving.map((pid) => ask(paths.masterSocket, [`@!${pid} ${question}`], signal)),
    ];
    return replies.map(async (reply) => parseOpenSessions((await reply) ?? "", backend, upstream));
  });
  return (await Promise.all(counts)).reduce((sum, open) => sum + open, 0);
}

/** Read without waiting for a turn: reading changes nothing, and an old figure does no harm. */
async function counts(
  service: ServiceKey | undefined,
  { paths, signal }: Context,
): Promise<readonly UpstreamCounts[]> {
  const backend = service === undefined ? undefined : backendName(service, "http");
  const [csv, table] = await Promise.all([
    ask(paths.runtimeSocket, [`show stat ${backend ?? -1} 4 -1`], signal),
    ask(paths.runtimeSocket, [`show table ${responseTimesTable}`], signal),
  ]);
  return parseCounts(csv ?? "", table ?? "", backend);
}

async function checkFrontends(
  asked: Pick<RoutedService, "service" | "frontends">,
  context: Context,
): Promise<void> {
  const running = await observeOrClear(context);
  const known = running?.services ?? (await servicesOnFile(context));
  // A service and its preview make room for each other.
  assertNoConflict(
    asked,
    known.filter((s) => ownerOf(s.service) !== ownerOf(asked.service)),
  );
  await requirePorts(asked, running, context);
  const present = running?.services.find((s) => s.service === asked.service);
  const isOpen = (frontend: TrafficSpec) =>
    present?.frontends.some((open) => isDeepStrictEqual(open, frontend)) ?? false;
  await checkCertificates(
    asked.service,
    uniqueFrontends(asked.frontends).filter((frontend) => !isOpen(frontend)),
    context,
  );
}

function ownerOf(key: ServiceKey): ServiceKey {
  return previewedBy(key) ?? key;
}

async function renew(
  observed: readonly RoutedService[],
  renewed: Renewal,
  context: Context,
): Promise<readonly ServiceWarning[]> {
  const { warnings, tooLarge } = await renewed(observed, context);
  const running = tooLarge ? await observe(context) : undefined;
  if (running) await reloadWith(running.services, running, context);
  return warnings;
}

async function stopIdle(context: Context): Promise<void> {
  const running = await observe(context);
  if (running && running.services.length === 0) await stop(context);
}

async function stop(context: Context): Promise<void> {
  await endAll(context);
  await rm(context.paths.folder, { recursive: true, force: true });
}
