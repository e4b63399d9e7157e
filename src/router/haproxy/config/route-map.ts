import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { listenersOf, type RedirectTarget, type RequestMatch } from "../../../domain/traffic/listener.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { sha256 } from "../../../lib/files/sha256.ts";
import type { RoutedService } from "../../router.ts";
import type { RouterPaths } from "../paths.ts";
import { quote } from "./quote.ts";

/**
 * Which service a request is for: a map (Configuration Manual, "map") from port, host name and path to a backend. It is
 * looked up by the longest beginning in a tree, so it costs the same for a thousand services as for one.
 */
export interface RouteMap {
  /** Named by its content: a reload that fails leaves the map of the former configuration as it was. */
  readonly file: string;
  readonly text: string;
  readonly hasWildcards: boolean;
  readonly hasCatchAll: boolean;
  /** Where requests are redirected to, by the name of the backend that does so. */
  readonly redirects: ReadonlyMap<string, RedirectTarget>;
}

/** The same services in any order give the same map. `backendOf` names where a service's http requests go. */
export function routeMap(
  services: readonly Pick<RoutedService, "service" | "frontends">[],
  backendOf: (service: string) => string,
): RouteMap {
  const listeners = services.flatMap(({ service, frontends }) =>
    frontends.flatMap(listenersOf).map((listener) => ({ ...listener, backend: backendOf(service) })),
  );
  const all = listeners
    .filter(({ port }) => port.mode === "http")
    .flatMap(({ listen, backend, routes }) => routes.map((route) => ({ ...route, listen, backend })));
  const matches = all.map(({ match }) => match);
  const redirects = new Map<string, RedirectTarget>();
  const routes = new Map<string, string>();
  for (const { listen, match, redirect } of all) {
    if (redirect === undefined) continue;
    redirects.set(redirectName(redirect), redirect);
    routes.set(keyOf(listen, match), redirectName(redirect));
  }
  // After them: during a rollout one release may redirect what the other serves.
  for (const { listen, match, redirect, backend } of all)
    if (redirect === undefined) routes.set(keyOf(listen, match), backend);
  const text = [...routes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, backend]) => `${key} ${backend}\n`)
    .join("");
  return {
    file: `routes-${sha256(text).slice(0, 16)}.map`,
    text,
    hasWildcards: matches.some(({ host }) => host?.startsWith("*")),
    hasCatchAll: matches.some(({ host }) => host === undefined),
    redirects,
  };
}

function redirectName({ scheme, host = "", port }: RedirectTarget): string {
  return `redirect:${scheme}:${port}:${host}`;
}

/** 308 keeps the method, and so a POST (RFC 9110, section 15.4.9). */
export function redirectBlocks({ redirects }: RouteMap): readonly (readonly string[])[] {
  return [...redirects]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { scheme, host = "%[var(txn.host)]", port }]) => {
      const suffix = port === (scheme === "https" ? 443 : 80) ? "" : `:${port}`;
      return [
        `backend ${name} from http`,
        `http-request redirect code 308 location ${scheme}://${host}${suffix}%[pathq]`,
      ];
    });
}

/** The slash at the end keeps `/api` from matching `/apix`. */
function keyOf(port: number, { host = "", path }: RequestMatch): string {
  return `${port}:${host}${path === "/" ? "" : path}/`;
}

/**
 * Rules that find the backend of a request: the exact host name first, then its wildcard, then every host; of those
 * with a path that fits, the one with the longest.
 */
export function routeRules(map: RouteMap, paths: RouterPaths): readonly string[] {
  const unlessFound = "unless { var(txn.to) -m found }";
  const lookUp = (host: string, condition: string) => [
    `http-request set-var-fmt(txn.at) "%[dst_port]:${host}%[path]/"${condition}`,
    `http-request set-var(txn.to) var(txn.at),map_beg(${quote(join(paths.routes, map.file))})${condition}`,
  ];
  return [
    // A name may be written with a dot at its end (RFC 3986, section 3.2.2).
    'http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.),field(1,"/")',
    ...lookUp("%[var(txn.host)]", ""),
    ...(map.hasWildcards ? lookUp("%[var(txn.host),regsub(^[^.]+,*)]", ` ${unlessFound}`) : []),
    ...(map.hasCatchAll ? lookUp("", ` ${unlessFound}`) : []),
  ];
}

/**
 * For servers that get their requests without the path that leads to them. Proxies commonly say in
 * `X-Forwarded-Prefix` what they have taken away.
 */
export function stripRules(frontends: RoutedService["frontends"]): readonly string[] {
  const prefixes = frontends.flatMap(({ paths = [], stripPrefix }) => (stripPrefix ? paths : []));
  const shortestFirst = [...new Set(prefixes.filter((path) => path !== "/"))].sort(
    (a, b) => a.length - b.length || (a < b ? -1 : 1),
  );
  if (shortestFirst.length === 0) return [];
  const any = shortestFirst.toReversed().map((path) => path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return [
    // The last one that fits is the longest.
    ...shortestFirst.map((path) => {
      const fits = `{ path ${quote(path)} } || { path_beg ${quote(`${path}/`)} }`;
      return `http-request set-header X-Forwarded-Prefix ${quote(path.replaceAll("%", "%%"))} if ${fits}`;
    }),
    `http-request replace-path '^(?:${any.join("|")})(?:/|$)(.*)' '/\\1'`,
  ];
}

/** Writes the map before a configuration that names it is loaded. */
export async function placeRoutes({ file, text }: RouteMap, { routes }: RouterPaths): Promise<void> {
  await mkdir(routes, { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(routes, file), text, { durable: false });
}

/** Removes every map but the one in use. */
export async function clearRoutes({ file }: RouteMap, { routes }: RouterPaths): Promise<void> {
  const surplus = (await readdir(routes)).filter((name) => name !== file);
  await Promise.all(surplus.map((name) => rm(join(routes, name), { force: true })));
}
