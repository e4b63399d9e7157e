import type { RoutedService, Upstream } from "../../router.ts";
import { serverArguments } from "../config/backend-config.ts";
import { backendName, modesOf } from "../config/names.ts";
import type { LiveServer } from "./replies.ts";

/**
 * The commands that bring the running servers of a service to its upstreams (Management Guide, section 9.3); none when
 * they are there already. What gains traffic comes before what loses it, so that the service never has less.
 */
export function serverCommands(service: RoutedService, live: readonly LiveServer[]): readonly string[] {
  return modesOf(service).flatMap((mode) => {
    const backend = backendName(service.service, mode);
    const present = new Map(live.filter((s) => s.backend === backend).map((s) => [s.name, s]));
    const changes = service.upstreams.map((upstream) =>
      change(backend, upstream, present.get(upstream.id), service),
    );
    const wanted = new Set(service.upstreams.map((t) => t.id));
    return [
      ...changes.filter((c) => c.gains).flatMap((c) => c.commands),
      ...changes.filter((c) => !c.gains).flatMap((c) => c.commands),
      ...[...present.values()].filter((s) => !wanted.has(s.name)).flatMap(removal),
    ];
  });
}

/** Counts these servers as healthy until their checks have failed often enough, not just once. */
export function trustCommands(servers: readonly LiveServer[]): readonly string[] {
  return servers.map((s) => `set server ${s.backend}/${s.name} health up`);
}

interface Change {
  readonly gains: boolean;
  readonly commands: readonly string[];
}

function change(
  backend: string,
  upstream: Upstream,
  live: LiveServer | undefined,
  service: RoutedService,
): Change {
  const server = `${backend}/${upstream.id}`;
  if (!live) return { gains: true, commands: addition(server, upstream, service) };
  const commands = [
    ...(live.address === upstream.address && live.port === upstream.port
      ? []
      : [`set server ${server} addr ${upstream.address} port ${upstream.port}`]),
    ...(live.weight === upstream.weight ? [] : [`set server ${server} weight ${upstream.weight}`]),
    ...(live.maintenance ? [`set server ${server} state ready`] : []),
  ];
  return { gains: live.maintenance || upstream.weight > live.weight, commands };
}

/** A new server starts in maintenance and unchecked. Kiln has proven it healthy, so it takes traffic at once. */
function addition(server: string, upstream: Upstream, service: RoutedService): readonly string[] {
  const { health } = service;
  return [
    `add server ${server} ${serverArguments(upstream, service)}`,
    ...(health.check.kind === "alive" ? [] : [`enable health ${server}`]),
    `enable server ${server}`,
    ...(health.check.kind === "alive" ? [] : [`set server ${server} health up`]),
  ];
}

/** HAProxy refuses to delete a server with open sessions: it stays in maintenance until a later call finds it idle. */
function removal(live: LiveServer): readonly string[] {
  const server = `${live.backend}/${live.name}`;
  return [...(live.maintenance ? [] : [`set server ${server} state maint`]), `del server ${server}`];
}
