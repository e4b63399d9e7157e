import type { TrafficSpec } from "../spec/traffic-spec.ts";

/** Which requests at a port are meant. */
export interface RequestMatch {
  /** Lower case. `*.example.com` stands for one label in place of the star; undefined for every host. */
  readonly host: string | undefined;
  /** Every path that begins with these segments; `/` is every path. */
  readonly path: string;
}

/** A way in that the router has. */
export interface Frontend extends TrafficSpec {
  /** Only servers come in here, by the service's name and this port. Absent: it is open to all. */
  readonly named?: number | undefined;
  /** Besides `address`. Absent: there is no other. */
  readonly address6?: string | undefined;
  /** No one can connect to it any more; the connections that are open continue. */
  readonly closed?: true | undefined;
}

/** Where a request is sent instead, with its path and query. */
export interface RedirectTarget {
  readonly scheme: "http" | "https";
  /** Undefined: the one that was asked for. */
  readonly host: string | undefined;
  readonly port: number;
}

/** A port that a service's traffic needs, and what comes in there. */
export interface ListenerSpec {
  readonly listen: number;
  /** What holds for the whole port, whichever services share it. */
  readonly port: PortSpec;
  readonly routes: readonly {
    readonly match: RequestMatch;
    readonly redirect?: RedirectTarget | undefined;
  }[];
}

interface PortSpec {
  readonly mode: TrafficSpec["mode"];
  /** What comes in is encrypted or not: a router decides it before it knows the host name. */
  readonly isTls: boolean;
  readonly address: string | undefined;
  /** The proxies that announce their clients by the PROXY protocol; undefined: none. */
  readonly proxies: readonly string[] | undefined;
  /** Whether it is for servers alone: its address need not be there before they are. */
  readonly isNamed?: boolean;
  readonly address6?: string | undefined;
}

/** The host names of a service's traffic; none: every host that no other service names. */
export function hostsOf({ host, hosts = [] }: TrafficSpec): readonly string[] {
  return host === undefined ? hosts : [host, ...hosts];
}

/** The first host name that is not a wildcard: the one to ask for in a health check. */
export function mainHost(traffic: TrafficSpec): string | undefined {
  return hostsOf(traffic).find((host) => !host.startsWith("*"));
}

/** The host names that certificates have to cover: a client cannot be redirected before it trusts the one it asked. */
export function certifiedHosts(traffic: TrafficSpec): readonly string[] {
  const hosts = hostsOf(traffic);
  return hosts.length === 0 ? [] : [...hosts, ...(traffic.redirect?.hosts ?? [])];
}

/** Every combination of host name and path that leads to the service. */
export function matchesOf(traffic: TrafficSpec): readonly RequestMatch[] {
  const hosts = hostsOf(traffic);
  const paths = traffic.paths ?? ["/"];
  return (hosts.length === 0 ? [undefined] : hosts).flatMap((host) => paths.map((path) => ({ host, path })));
}

/** Every port that the traffic needs: its own, and the one whose requests are redirected to it. */
export function listenersOf(traffic: Frontend): readonly ListenerSpec[] {
  const { listen, mode, address, acceptProxy, trustedProxies, redirect } = traffic;
  const isTls = traffic.tls !== undefined;
  const port = { mode, isTls, address, proxies: acceptProxy ? (trustedProxies ?? []) : undefined };
  if (traffic.named !== undefined) {
    const named = { ...port, isNamed: true, ...(traffic.address6 && { address6: traffic.address6 }) };
    return [{ listen, port: named, routes: [{ match: { host: undefined, path: "/" } }] }];
  }
  const to = { scheme: isTls ? "https" : "http", port: listen } as const;
  const moved = (redirect?.hosts ?? []).map((host) => {
    return { match: { host, path: "/" }, redirect: { ...to, host: mainHost(traffic) } };
  });
  const own = matchesOf(traffic).map((match) => ({ match }));
  const listener = { listen, port, routes: [...own, ...moved] };
  if (redirect?.http === undefined) return [listener];
  const secured = own.map(({ match }) => ({ match, redirect: { ...to, host: undefined } }));
  const plain = { ...port, isTls: false };
  return [listener, { listen: redirect.http, port: plain, routes: [...secured, ...moved] }];
}

/** What a port is of: TCP and UDP have the same numbers for different ports. */
export function transportOf({ mode }: Pick<TrafficSpec, "mode">): "tcp" | "udp" {
  return mode === "udp" ? "udp" : "tcp";
}

/** Whether both are one and the same port of the machine. */
function isSamePort(a: ListenerSpec, b: ListenerSpec): boolean {
  return a.listen === b.listen && transportOf(a.port) === transportOf(b.port);
}

/** Why two services cannot both have what they ask for. */
export type Clash =
  /** `mode`: plain TCP and UDP share their port with nothing. The others: the two want different things of the port. */
  | { readonly listen: number; readonly kind: "mode" | "isTls" | "address" | "proxies" }
  | { readonly listen: number; readonly kind: "match"; readonly match: RequestMatch };

/** Undefined: the two get along, because one request can only mean one of them. */
export function clashOf(a: TrafficSpec, b: TrafficSpec): Clash | undefined {
  const others = listenersOf(b);
  for (const mine of listenersOf(a)) {
    for (const other of others) {
      const clash = isSamePort(mine, other) ? listenerClash(mine, other) : undefined;
      if (clash !== undefined) return clash;
    }
  }
  return undefined;
}

function listenerClash(a: ListenerSpec, b: ListenerSpec): Clash | undefined {
  const { listen } = a;
  if (a.port.mode !== "http" || b.port.mode !== "http") return { listen, kind: "mode" };
  const kind = (["isTls", "address", "proxies"] as const).find((key) => isOther(a.port[key], b.port[key]));
  if (kind !== undefined) return { listen, kind };
  const taken = new Set(b.routes.map(({ match }) => matchKey(match)));
  const match = a.routes.map((route) => route.match).find((mine) => taken.has(matchKey(mine)));
  return match && { listen, kind: "match", match };
}

function isOther(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** Whether two releases of one service want the same of the ports that both need. */
export function isAlike(a: TrafficSpec, b: TrafficSpec): boolean {
  const others = listenersOf(b);
  return listenersOf(a).every((mine) =>
    others.every((other) => !isSamePort(mine, other) || !isOther(other.port, mine.port)),
  );
}

/** `shop.example.com/api`, `/api` for every host, and the empty text for every request. */
export function matchKey({ host = "", path }: RequestMatch): string {
  return `${host}${path === "/" ? "" : path}`;
}

/**
 * A router keeps what it knows of a service in one record, which HAProxy shows only if it fits into a buffer of 16 KiB.
 * During a rollout the record has the traffic of up to three releases.
 */
export const mostTrafficBytes = 4_000;

/** How much of such a record this traffic takes. An apostrophe is written in six bytes there. */
export function trafficBytes(traffic: TrafficSpec): number {
  return new TextEncoder().encode(JSON.stringify(traffic).replaceAll("'", "\\u0027")).length;
}

/** The frontend that a release has for its preview: like the one for its traffic, but for any host. */
export function previewFrontend(traffic: TrafficSpec | undefined): TrafficSpec | undefined {
  if (traffic?.preview === undefined) return undefined;
  const { host: _host, hosts: _hosts, redirect: _redirect, preview, ...rest } = traffic;
  return { ...rest, listen: preview, host: undefined };
}
