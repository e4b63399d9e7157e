import { type ListenerSpec, listenersOf } from "../../../domain/listener.ts";
import type { RoutedService } from "../../router.ts";
import { backendName, type Mode } from "./names.ts";
import type { RouterMachine } from "./router-machine.ts";
import { bindTls } from "./tls-config.ts";

/** A port, with all that holds for it whichever service a request is for. */
export interface Door {
  readonly port: number;
  readonly mode: Mode;
  /** Its `bind` lines. */
  readonly binds: readonly string[];
  /** Those that may announce their clients by the PROXY protocol. */
  readonly proxies: readonly string[] | undefined;
  /** How many clients may be connected at the same time. */
  readonly clients: number;
  /** The services that it leads to. */
  readonly services: readonly RoutedService[];
}

/** The ports, in order. */
export function doorsOf(services: readonly RoutedService[], machine: RouterMachine): readonly Door[] {
  const asked = services.flatMap((service) =>
    service.doors.flatMap(listenersOf).map((listener) => ({ service, listener })),
  );
  const byPort = Map.groupBy(asked, ({ listener }) => listener.listen);
  return [...byPort]
    .sort(([a], [b]) => a - b)
    .flatMap(([port, those]) => {
      const [first] = those;
      if (first === undefined) return [];
      const { mode, proxies } = first.listener.port;
      return {
        port,
        mode,
        binds: bindsOf(first.listener, services, machine),
        proxies,
        clients: clientsOf(machine, byPort.size),
        services: [...new Set(those.map(({ service }) => service))],
      };
    });
}

function bindsOf(
  { listen, port: { address } }: ListenerSpec,
  services: readonly RoutedService[],
  { paths, ipv6 }: RouterMachine,
): readonly string[] {
  const tls = bindTls(listen, services, paths);
  if (address !== undefined)
    return [`bind ${address.includes(":") ? `[${address}]` : address}:${listen}${tls}`];
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
export function proxyRules({ proxies }: Door): readonly string[] {
  return proxies === undefined
    ? []
    : [`tcp-request connection expect-proxy layer4 if { src ${proxies.join(" ")} }`];
}

export function tcpDoorBlock(door: Door): readonly string[] {
  const { port, binds, clients, services } = door;
  const idle = services.flatMap((service) => service.doors).find(({ listen }) => listen === port)
    ?.limits?.idleMs;
  return [
    `frontend door:${port} from tcp`,
    ...binds,
    `maxconn ${clients}`,
    ...(idle === undefined ? [] : [`timeout client ${idle}ms`]),
    ...proxyRules(door),
    ...services.map(({ service }) => `default_backend ${backendName(service, "tcp")}`),
  ];
}
