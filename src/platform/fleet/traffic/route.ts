import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { RoutedService } from "../../../router/router.ts";
import type { Member, Memory } from "../memory.ts";
import { allowOf, namedFrontends } from "./named.ts";
import { idlePreview } from "./preview.ts";
import { frontendsOf, type RoutableServer, type RouteSpec, routedService } from "./routing.ts";
import type { ShownPreview } from "./shown-preview.ts";

/** A service in the router: what is asked for, what the router has, and what was refused. */
export interface ServiceRoute {
  readonly service: ServiceKey;
  /** Undefined: closed. */
  spec: RouteSpec | undefined;
  /** What was closed last: connections that are open lead to the servers that it led to, as long as they are there. */
  closing: RouteSpec | undefined;
  /** What the router has; undefined when that is not known. */
  applied: RoutedService | "nothing" | undefined;
  /** The shares that the router has taken, and the spec that they belong to. */
  confirmed: Shares;
  taken: RouteSpec | undefined;
  /** The last spec that was not taken, because none of its servers was ready and others served. */
  refused: RouteSpec | undefined;
  /** Whether a change waits for the run in the background, and whether that run is in progress. */
  stale: boolean;
  nudged: boolean;
  readonly preview: ShownPreview;
  readonly apply: () => Promise<void>;
}

export function routeSpecOf(shares: Shares, releases: readonly Release[]): RouteSpec | undefined {
  const newest = releases.reduce<Release | undefined>(
    (best, r) => (best === undefined || r.number > best.number ? r : best),
    undefined,
  );
  if (shares.length === 0 || newest === undefined) return undefined;
  const preview = idlePreview(shares, releases);
  const named = namedFrontends(shares, releases);
  const allow = allowOf(shares, releases);
  return { shares, frontends: frontendsOf(shares, releases), named, allow, preview, health: newest.health };
}

/** The servers of a service that the router has to know. */
export function routableServers(memory: Memory, service: ServiceKey): readonly RoutableServer[] {
  const members = memory.groupsOf(service).flatMap((g) => [...g.members.values()]);
  return members.filter(isRoutable).map((m) => ({
    id: m.id,
    release: m.release,
    address: m.address ?? "",
    takes: m.state === "ready",
  }));
}

/** Ready servers, and those whose requests may still be open: with weight 0 they can finish them. */
function isRoutable(member: Member): boolean {
  if (member.address === undefined || member.drained) return false;
  if (member.state === "ready") return true;
  return member.wasInTraffic && (member.state === "starting" || member.state === "leaving");
}

/** Servers can fail between the decision to switch to them and the switch: then it does not take place. */
export function canSwitch(
  { service, spec, taken }: ServiceRoute,
  servers: readonly RoutableServer[],
): boolean {
  if (spec === taken || spec === undefined || taken === undefined || spec.frontends.length === 0) return true;
  const hasTakers = (w: RouteSpec) => routedService(service, w, servers).upstreams.some((t) => t.weight > 0);
  return hasTakers(spec) || !hasTakers(taken);
}

/** What the router throws when a frontend cannot be opened as it is asked for. */
const refusals: readonly string[] = ["port_taken", "traffic_conflict", "certificate_invalid"];

/** Whether the router refuses the frontends, whichever servers they lead to. */
export function isRefusal(error: unknown): boolean {
  return error instanceof KilnError && refusals.includes(error.code);
}

/** Why a switch did not take place. */
export function nobodyReady(service: ServiceKey, shares: Shares): KilnError {
  const releases = shares.map((s) => s.release).join(" and ");
  return new KilnError(
    "server_failed",
    `No server of release ${releases} of ${service} is ready any more: the traffic stays where it is.`,
    { retry: true },
  );
}
