import type { TrafficSpec } from "./spec.ts";

/** Which requests at a port are meant. */
export interface RequestMatch {
  /** Lower case. `*.example.com` stands for one label in place of the star; undefined for every host. */
  readonly host: string | undefined;
  /** Every path that begins with these segments; `/` is every path. */
  readonly path: string;
}

/** The host names of a service's traffic; none: every host that no other service names. */
export function hostsOf({ host, hosts = [] }: TrafficSpec): readonly string[] {
  return host === undefined ? hosts : [host, ...hosts];
}

/** The first host name that is not a wildcard: the one to ask for in a health check. */
export function mainHost(traffic: TrafficSpec): string | undefined {
  return hostsOf(traffic).find((host) => !host.startsWith("*"));
}

/** Every combination of host name and path that leads to the service. */
export function matchesOf(traffic: TrafficSpec): readonly RequestMatch[] {
  const hosts = hostsOf(traffic);
  const paths = traffic.paths ?? ["/"];
  return (hosts.length === 0 ? [undefined] : hosts).flatMap((host) => paths.map((path) => ({ host, path })));
}

/** Why two services cannot both have what they ask for. */
export type Clash =
  /** Plain TCP shares its port with nothing. */
  | { readonly kind: "port" }
  /** What comes in at a port is encrypted or not: a router decides it before it knows the host name. */
  | { readonly kind: "tls" }
  | { readonly kind: "match"; readonly match: RequestMatch };

/** Undefined: the two get along, because one request can only mean one of them. */
export function clashOf(a: TrafficSpec, b: TrafficSpec): Clash | undefined {
  if (a.listen !== b.listen) return undefined;
  if (a.mode === "tcp" || b.mode === "tcp") return { kind: "port" };
  if ((a.tls === undefined) !== (b.tls === undefined)) return { kind: "tls" };
  const taken = new Set(matchesOf(b).map(matchKey));
  const match = matchesOf(a).find((mine) => taken.has(matchKey(mine)));
  return match && { kind: "match", match };
}

/** `shop.example.com/api`, `/api` for every host, and the empty text for every request. */
export function matchKey({ host = "", path }: RequestMatch): string {
  return `${host}${path === "/" ? "" : path}`;
}

/** The door that a release has for its preview: like the one for its traffic, but for any host. */
export function previewDoor(traffic: TrafficSpec | undefined): TrafficSpec | undefined {
  if (traffic?.preview === undefined) return undefined;
  const { host: _host, hosts: _hosts, preview, ...rest } = traffic;
  return { ...rest, listen: preview, host: undefined };
}
