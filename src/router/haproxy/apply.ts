import { isDeepStrictEqual } from "node:util";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import type { RoutedService } from "../router.ts";
import { ownerOf, placesOf, requirePorts, takenAmong } from "./check.ts";
import {
  clearCertificates,
  placeCertificates,
  placeLists,
  servableCertificates,
} from "./config/certificates.ts";
import { renderConfig, routesOf } from "./config/config.ts";
import { assertNoConflict, uniqueFrontends } from "./config/frontends.ts";
import { letConnectionsMigrate, listeners } from "./config/ports.ts";
import { clearRoutes, placeRoutes } from "./config/route-map.ts";
import { serverCommands, trustCommands } from "./process/commands.ts";
import { readMachine } from "./process/machine.ts";
import { installConfig, makeAccessPipe, reload, start } from "./process/process.ts";
import type { LiveServer } from "./process/replies.ts";
import { ask } from "./process/socket.ts";
import {
  observe,
  observeOrClear,
  type RouterContext,
  type RunningRouter,
  servicesOnFile,
} from "./running.ts";

/** Brings HAProxy to what is asked, with a reload only where nothing less does. Throws `router_failed` unless HAProxy then has it. */
export async function apply(asked: RoutedService, context: RouterContext): Promise<void> {
  const service = { ...asked, frontends: uniqueFrontends(asked.frontends) };
  const running = await observeOrClear(context);
  const known = running?.services ?? (await servicesOnFile(context));
  const others = known.filter((s) => s.service !== service.service);
  assertNoConflict(service, others);
  context.access.expect([...others, service]);
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

/** A service whose port was taken, or whose certificate was lost, while the router was down must not keep the others from being served. */
async function startWith(
  service: RoutedService,
  others: readonly RoutedService[],
  context: RouterContext,
): Promise<void> {
  const isTaken = takenAmong(await listeners());
  const free = others.filter((s) => !placesOf(s).some(isTaken));
  const servable = await servableCertificates(free, context);
  for (const left of others.filter((s) => !servable.includes(s))) {
    const why = free.includes(left) ? "its certificate can't be used" : "its port is taken";
    context.log.warn({ service: left.service }, `left out of the router: ${why}`);
  }
  await makeAccessPipe(context);
  context.access.expect([...servable, service]);
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
  running: RunningRouter,
  context: RouterContext,
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

export async function reloadWith(
  services: readonly RoutedService[],
  running: RunningRouter,
  context: RouterContext,
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

async function install(services: readonly RoutedService[], context: RouterContext): Promise<void> {
  await placeLists(services, context);
  await placeRoutes(routesOf(services), context.paths);
  await installConfig(renderConfig(services, await readMachine(context.state)), context);
}

/** After a start one failed check takes a server out. Those that were healthy keep the tolerance that was asked for. */
async function trust(before: readonly LiveServer[], context: RouterContext): Promise<void> {
  const healthy = new Set(before.filter((s) => s.up).map((s) => `${s.backend}/${s.name}`));
  const now = (await observe(context))?.servers ?? [];
  const commands = trustCommands(now.filter((s) => healthy.has(`${s.backend}/${s.name}`)));
  await ask(context.paths.runtimeSocket, commands, context.signal);
}

/** Reads back that HAProxy has what was asked for; its own words on what it refused are in `reply`. */
async function confirm(service: RoutedService, context: RouterContext, reply = ""): Promise<void> {
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

export async function remove(service: ServiceKey, context: RouterContext): Promise<void> {
  const running = await observe(context);
  const known = running?.services ?? (await servicesOnFile(context));
  const rest = known.filter((s) => s.service !== service);
  if (rest.length === known.length) return;
  context.access.expect(rest);
  if (!rest.some((s) => ownerOf(s.service) === ownerOf(service))) await context.access.forget(service);
  if (running) return reloadWith(rest, running, context);
  await placeRoutes(routesOf(rest), context.paths);
  await writeFileAtomic(context.paths.config, renderConfig(rest, await readMachine(context.state)));
}
