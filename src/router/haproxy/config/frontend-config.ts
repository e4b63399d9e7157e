import { certifiedHosts, type ListenerSpec, listenersOf } from "../../../domain/traffic/listener.ts";
import type { RoutedService } from "../../router.ts";
import { backendName, type Mode } from "./names.ts";
import { inLines } from "./quote.ts";
import type { RouterMachine } from "./router-machine.ts";
import { bindTls } from "./tls-config.ts";

/** A port, with all that holds for it whichever service a request is for. */
export interface BoundFrontend {
  readonly port: number;
  readonly mode: Mode;
  /** Its `bind` lines. */
  readonly binds: readonly string[];
  /** Those that may announce their clients by the PROXY protocol. */
  readonly proxies: readonly string[] | undefined;
  /** Whether clients asked for another address and port, which the packet filter has translated into this one. */
  readonly isTranslated: boolean;
  /** How many clients may be connected at the same time. */
  readonly clients: number;
  /** The services that it leads to. */
  readonly services: readonly RoutedService[];
  /** Rules that answer the challenges of certificate authorities. */
  readonly challenges: readonly string[];
}

/** The ports, in order. */
export function frontendsOf(
  services: readonly RoutedService[],
  machine: RouterMachine,
): readonly BoundFrontend[] {
  const asked = services.flatMap((service) =>
    service.frontends.flatMap(listenersOf).map((listener) => ({ service, listener })),
  );
  const open = asked.filter(({ listener }) => !listener.port.isNamed);
  const closed = closedPorts(services);
  const ports = new Set(open.map(({ listener }) => listener.listen)).size;
  const byPort = Map.groupBy(asked, ({ listener }) => listener.listen);
  return [...byPort]
    .sort(([a], [b]) => a - b)
    .flatMap(([port, those]) => {
      const [first] = those;
      if (first === undefined) return [];
      if (closed.has(port) && first.listener.port.mode === "tcp") return [];
      const { mode, proxies } = first.listener.port;
      if (mode === "udp") return [];
      return {
        port,
        mode,
        binds: closed.has(port) ? [] : bindsOf(first.listener, services, machine),
        proxies,
        isTranslated: first.listener.port.isNamed === true,
        clients: clientsOf(machine, first.listener.port.isNamed ? byPort.size : ports),
        services: [...new Set(those.map(({ service }) => service))],
        challenges: challengeRules(
          port,
          those.map(({ service }) => service),
          machine,
        ),
      };
    });
}

/** What comes in there has been connected before, to a worker that leaves; plain TCP stays with that worker. */
function closedPorts(services: readonly RoutedService[]): ReadonlySet<number> {
  const all = services.flatMap(({ frontends }) => frontends);
  const ports = (some: typeof all) => some.flatMap(listenersOf).map(({ listen }) => listen);
  const open = new Set(ports(all.filter(({ closed }) => !closed)));
  return new Set(ports(all.filter(({ closed }) => closed)).filter((port) => !open.has(port)));
}

/**
 * HTTP-01 (RFC 8555, section 8.3), for the host names that such a service has at this port: its token and the account's
 * thumbprint, whichever challenge it is. Other services may have certificates of their own kind.
 */
function challengeRules(
  port: number,
  services: readonly RoutedService[],
  { thumbprint }: RouterMachine,
): readonly string[] {
  const issued = services
    .flatMap(({ frontends }) => frontends)
    .filter(({ tls, redirect }) => tls !== undefined && "acme" in tls && redirect?.http === port);
  const hosts = [...new Set(issued.flatMap(certifiedHosts))].sort();
  if (hosts.length === 0 || thumbprint === undefined) return [];
  const asked = "{ path_reg ^/[.]well-known/acme-challenge/[A-Za-z0-9_-]+$ }";
  const answer = `"%[path,field(4,/)].${thumbprint}"`;
  return inLines(hosts).map((some) => {
    const meant = `{ req.hdr(host),host_only,lower,rtrim(.) -m str ${some} }`;
    return `http-request return status 200 content-type text/plain lf-string ${answer} if ${asked} ${meant}`;
  });
}

function bindsOf(
  { listen, port: { address, address6, isNamed } }: ListenerSpec,
  services: readonly RoutedService[],
  { paths, ipv6 }: RouterMachine,
): readonly string[] {
  const tls = bindTls(listen, services, paths);
  if (address !== undefined) {
    // `transparent`: an address that comes and goes with servers must not keep the others from being reloaded.
    const absent = isNamed ? " transparent" : "";
    const at = [address, ...(ipv6 && address6 !== undefined ? [address6] : [])];
    return at.map((each) => `bind ${each.includes(":") ? `[${each}]` : each}:${listen}${tls}${absent}`);
  }
  return [`bind 0.0.0.0:${listen}${tls}`, ...(ipv6 ? [`bind [::]:${listen} v6only${tls}`] : [])];
}

/**
 * A connection takes two and a half open files: its own, one to a server, and a share of the pipes for splicing. So HAProxy takes
 * 0.4 connections for each file that it may open. Every request takes a second one, within HAProxy: half of them are for clients.
 */
function clientsOf({ openFiles }: RouterMachine, ports: number): number {
  return Math.floor(openFiles / 5 / ports);
}

/** Anyone else who begins with the PROXY protocol is a stranger, and what is said there is not HTTP. */
export function proxyRules({ proxies }: BoundFrontend): readonly string[] {
  return inLines(proxies ?? []).map(
    (some) => `tcp-request connection expect-proxy layer4 if { src ${some} }`,
  );
}

export function tcpFrontendBlock(frontend: BoundFrontend): readonly string[] {
  const { port, binds, clients, services } = frontend;
  const idle = services.flatMap((service) => service.frontends).find(({ listen }) => listen === port)
    ?.limits?.idleMs;
  return [
    `frontend listen:${port} from tcp`,
    ...binds,
    `maxconn ${clients}`,
    ...(idle === undefined ? [] : [`timeout client ${idle}ms`]),
    ...proxyRules(frontend),
    ...services.map(({ service }) => `default_backend ${backendName(service, "tcp")}`),
  ];
}
