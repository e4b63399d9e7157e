import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { HealthSpec } from "../../../domain/spec/server-shape.ts";
import {
  type Frontend,
  listenersOf,
  previewFrontend,
  transportOf,
} from "../../../domain/traffic/listener.ts";
import type { ServiceNames } from "../host.ts";
import type { RoutableServer, RouteSpec } from "./routing.ts";

/** The ways in by name of every release that has a share: where two want different things of a port, the newest has its will. */
export function namedFrontends(shares: Shares, releases: readonly Release[]): readonly Frontend[] {
  const open = new Set(shares.filter((s) => s.share > 0).map((s) => s.release));
  const oldestFirst = releases.filter((r) => open.has(r.number)).sort((a, b) => a.number - b.number);
  const byPort = new Map<string, Frontend>();
  for (const { shape, traffic, health } of oldestFirst) {
    const { port } = shape;
    if (port === undefined) continue;
    const mode = traffic?.mode ?? (speaksHttp(health) ? "http" : "tcp");
    const { sticky } = traffic ?? {};
    const clients = mode === "udp" && sticky ? { sticky } : {};
    byPort.set(`${transportOf({ mode })} ${port}`, {
      ...{ mode, listen: port, host: undefined, named: port },
      ...clients,
    });
  }
  return [...byPort.values()];
}

/** Who may come in by name: while two releases share the traffic, those that either lets in. */
export function allowOf(shares: Shares, releases: readonly Release[]): readonly string[] {
  const open = new Set(shares.filter((s) => s.share > 0).map((s) => s.release));
  const all = releases.filter((r) => open.has(r.number)).flatMap(({ network }) => network?.allow ?? ["*"]);
  return [...new Set(all)].sort();
}

/** Without `traffic` its health check tells. */
function speaksHttp({ check }: HealthSpec): boolean {
  return check.kind === "http" && check.tls === undefined;
}

/** What the router has, taken apart into ways in for all and those by name. */
export function splitFrontends(all: readonly Frontend[]): Pick<RouteSpec, "frontends" | "named"> {
  return {
    frontends: all.filter(({ named }) => named === undefined),
    named: all.filter(({ named }) => named !== undefined),
  };
}

/** The ways in by name, at the addresses to which the host leads those who ask. None where it leads no one. */
export async function offerNames(
  names: ServiceNames | undefined,
  service: ServiceKey,
  spec: RouteSpec | undefined,
  servers: readonly Pick<RoutableServer, "release">[],
): Promise<readonly Frontend[]> {
  const { frontends = [], named = [], allow } = spec ?? {};
  if (names === undefined || named.length === 0) return [];
  const previews = [spec?.preview, ...servers.map(({ release }) => previewFrontend(release.traffic))];
  const open = [...frontends, ...previews.filter((one) => one !== undefined)].flatMap(listenersOf);
  const offered = (transport: "tcp" | "udp") => {
    const listens = open.filter(({ port }) => transportOf(port) === transport).map(({ listen }) => listen);
    return {
      ports: named
        .filter((frontend) => transportOf(frontend) === transport)
        .flatMap((frontend) => frontend.named ?? []),
      public: [...new Set(listens)].sort((a, b) => a - b),
    };
  };
  const datagrams = offered("udp");
  const ways = await names.offer(service, {
    ...offered("tcp"),
    ...(datagrams.ports.length + datagrams.public.length === 0 ? {} : { datagrams }),
    ...(allow === undefined ? {} : { allow }),
  });
  return named.flatMap((frontend) =>
    ways
      .filter(
        ({ port, isDatagrams }) =>
          port === frontend.named && (isDatagrams ? "udp" : "tcp") === transportOf(frontend),
      )
      .map(({ listen, address, address6 }) => ({ ...frontend, listen, address, address6 })),
  );
}
