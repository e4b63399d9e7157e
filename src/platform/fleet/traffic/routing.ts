import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import { routerCheck } from "../../../domain/spec/health-check.ts";
import type { HealthSpec } from "../../../domain/spec/server-shape.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { type Frontend, isAlike, matchesOf } from "../../../domain/traffic/listener.ts";
import { canonicalJson } from "../../../lib/canonical-json.ts";
import type { RoutedService, Upstream } from "../../../router/router.ts";
import { parseServerId } from "../server-id.ts";

/** A server that the router may know. Only one that `takes` gets new requests; the others have weight 0. */
export interface RoutableServer {
  readonly id: string;
  readonly release: Release;
  readonly address: string;
  readonly takes: boolean;
}

/** How a service is to be reached. */
export interface RouteSpec {
  readonly shares: Shares;
  readonly frontends: readonly TrafficSpec[];
  /** The ways in by name, for other servers; `named` is what they ask for. Where they lead, the host says. */
  readonly named?: readonly Frontend[] | undefined;
  /** Who may come in by name: as of `mayReach`. Absent: as before. */
  readonly allow?: readonly string[] | undefined;
  /** The way in of the preview while it reaches no server. Absent: it is closed then. */
  readonly preview?: TrafficSpec | undefined;
  /** Used while the frontends lead to no server of a known release. */
  readonly health: HealthSpec;
}

/** HAProxy's highest weight (Configuration Manual 5.2, `weight`); the scale of every router here. */
const highestWeight = 256;

/**
 * The ways in of every release that has a share, without repetition. Where releases want different things of the
 * same port, plain and TLS or HTTP and TCP, it is the newest that has its will: a port can only be one of them.
 */
export function frontendsOf(shares: Shares, releases: readonly Release[]): readonly TrafficSpec[] {
  const open = new Set(shares.filter((s) => s.share > 0).map((s) => s.release));
  const oldestFirst = releases.filter((r) => open.has(r.number)).sort((a, b) => a.number - b.number);
  const frontends = new Map<string, TrafficSpec>();
  for (const { traffic } of oldestFirst) {
    if (traffic === undefined) continue;
    for (const [key, other] of frontends) if (!isAlike(other, traffic)) frontends.delete(key);
    frontends.set(JSON.stringify([traffic.listen, matchesOf(traffic)]), traffic);
  }
  return [...frontends.values()];
}

/** What the router shall have. Pure. */
export function routedService(
  service: ServiceKey,
  spec: RouteSpec,
  servers: readonly RoutableServer[],
): RoutedService {
  const known = servers
    .filter((s) => s.release.shape.port !== undefined)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const weights = weightsByRelease(spec.shares, known);
  const upstreams = known.map(
    (server): Upstream => ({
      id: server.id,
      address: server.address,
      port: server.release.shape.port ?? 0,
      weight: server.takes ? (weights.get(server.release.number) ?? 0) : 0,
      ...spokenBy(server.release.traffic),
    }),
  );
  const health = commonHealth(known, spec.health);
  const check = routerCheck(health.check);
  return { service, frontends: spec.frontends, upstreams, health: { ...health, check } };
}

function spokenBy({
  protocol,
  sendProxy,
}: Partial<TrafficSpec> = {}): Pick<Upstream, "protocol" | "sendProxy"> {
  return { ...(protocol === undefined ? {} : { protocol }), ...(sendProxy ? { sendProxy } : {}) };
}

/** Each server's weight, so that its release gets its share: scaled to the router's range, at least 1 for any share. */
function weightsByRelease(shares: Shares, servers: readonly RoutableServer[]): ReadonlyMap<number, number> {
  const raw = new Map<number, number>();
  for (const { release, share } of shares) {
    const taking = servers.filter((s) => s.takes && s.release.number === release).length;
    if (taking > 0 && share > 0) raw.set(release, share / taking);
  }
  const highest = Math.max(...raw.values());
  return new Map(
    [...raw].map(([release, weight]) => [
      release,
      Math.max(1, Math.round((weight / highest) * highestWeight)),
    ]),
  );
}

/**
 * The router has one check per service. While releases with different checks share it, it only connects: a path
 * that the other release does not know must not take its servers out.
 */
function commonHealth(servers: readonly RoutableServer[], fallback: HealthSpec): HealthSpec {
  const newest = servers.reduce<Release | undefined>(
    (best, { release }) => (best === undefined || release.number > best.number ? release : best),
    undefined,
  );
  if (newest === undefined) return fallback;
  const check = JSON.stringify(newest.health.check);
  const same = servers.every((s) => JSON.stringify(s.release.health.check) === check);
  return same ? newest.health : { ...newest.health, check: { kind: "tcp" } };
}

/** The shares that the router's weights amount to. */
export function sharesOf(routed: RoutedService): Shares {
  const weights = new Map<number, number>();
  for (const { id, weight } of routed.upstreams) {
    const release = parseServerId(id)?.release;
    if (release !== undefined && weight > 0) weights.set(release, (weights.get(release) ?? 0) + weight);
  }
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  return [...weights].map(([release, weight]) => ({ release, share: weight / total }));
}

/**
 * Whether the router has just these frontends and upstreams; its checks are its own business. Undefined, that what it has is not
 * known, is like nothing else.
 */
export function isSameRoute(a: RoutedService | "nothing" | undefined, b: RoutedService | "nothing"): boolean {
  if (a === undefined || a === "nothing" || b === "nothing") return a === b;
  return routeKey(a) === routeKey(b);
}

function routeKey({ frontends, upstreams }: RoutedService): string {
  const ways = frontends.map(({ preview: _preview, ...frontend }) => canonicalJson(frontend)).sort();
  const behind = upstreams.map((t) => JSON.stringify([t.id, t.address, t.port, t.weight])).sort();
  return JSON.stringify([ways, behind]);
}
