import { previewedBy } from "../../../domain/ids.ts";
import { mainHost } from "../../../domain/listener.ts";
import type { RoutedService, Target } from "../../router.ts";
import type { RouterPaths } from "../paths.ts";
import { countedDefaults, responseTimes } from "../response-times.ts";
import { type HttpDoor, httpBlocks, type InnerSockets, plainError } from "./http-config.ts";
import { quote } from "./quote.ts";
import { type RouteMap, routeMap, routeRules, stripRules } from "./route-map.ts";
import { bindTls, tlsGlobals } from "./tls-config.ts";

/** What the configuration needs to know of the machine. */
export interface RouterMachine {
  readonly paths: RouterPaths;
  /** Started by root: the account that the worker changes to. Absent: it stays who it is. */
  readonly account: { readonly user: string; readonly group: string } | undefined;
  readonly ipv6: boolean;
  /** How many files the worker may have open. */
  readonly openFiles: number;
}

type Mode = "http" | "tcp";

/** A service's record in the environment of HAProxy carries this before the service key. */
const recordPrefix = "kiln:";

/**
 * The whole configuration file: the same services in any order give the same text. Keywords as in the HAProxy 2.6
 * Configuration Manual. `parseConfig` reads the services back.
 */
export function renderConfig(services: readonly RoutedService[], machine: RouterMachine): string {
  const sorted = [...services].sort((a, b) => (a.service < b.service ? -1 : 1));
  const doors = doorsOf(sorted, machine);
  const blocks = [
    globalBlock(sorted, machine),
    httpDefaults,
    countedDefaults,
    tcpDefaults,
    ...doors.filter(({ mode }) => mode === "tcp").map(tcpDoorBlock),
    ...httpBlocks(
      doors.filter(({ mode }) => mode === "http"),
      routeRules(routesOf(sorted), machine.paths),
      innerSockets(machine),
    ),
    responseTimes,
    ...sorted.flatMap((service) => modesOf(service).map((mode) => backendBlock(service, mode))),
  ];
  return blocks.map((lines) => `${lines.join("\n  ")}\n`).join("\n");
}

/** The map that the configuration of these services names. */
export function routesOf(services: readonly RoutedService[]): RouteMap {
  return routeMap(services, (service) => backendName(service, "http"));
}

/** The services that a configuration file of ours describes. Other lines are ignored. */
export function parseConfig(text: string): readonly RoutedService[] {
  const records = [...text.matchAll(/^ {2}setenv (kiln:\S+) '(.*)'$/gm)].map((m) => `${m[1]}=${m[2]}`);
  return parseRecords(records.join("\n")).map((record) => ({
    ...record,
    targets: targetsIn(text, backendName(record.service, modesOf(record)[0] ?? "http")),
  }));
}

/** What a service's record holds: all that can't be read from its servers. */
export type ServiceRecord = Omit<RoutedService, "targets">;

/** The records among `NAME=value` lines, as `show env` prints them (HAProxy Management Guide, section 9.3). */
export function parseRecords(lines: string): readonly ServiceRecord[] {
  return [...lines.matchAll(/^kiln:([^=\n]+)=(.*)$/gm)].map(([, service = "", json = ""]) => {
    // Only `recordOf` below writes this: the folder is ours alone.
    const { doors, health } = JSON.parse(json) as Omit<ServiceRecord, "service">;
    // JSON has no `undefined`, but a door has always a `host`.
    return { service, doors: doors.map((door) => ({ ...door, host: door.host })), health };
  });
}

/** One backend for each mode of the service's doors: a backend has only one. Names of services hold no colon. */
export function backendName(service: string, mode: Mode): string {
  return `${mode}:${service}`;
}

export function modesOf(service: Pick<RoutedService, "doors">): readonly Mode[] {
  const modes = new Set(service.doors.map((door) => door.mode));
  return modes.size === 0 ? ["http"] : [...modes].sort();
}

/** After so many failed connections without one that succeeds, a server is dead, whatever its last check said. */
const refusals = 10;

/** What follows `server NAME` in the file and `add server BACKEND/NAME` on the socket. */
export function serverArguments(target: Target, health: RoutedService["health"]): string {
  const address = `${endpoint(target)} weight ${target.weight}`;
  if (health.check.kind === "alive") return address;
  const checks = `check inter ${health.intervalMs}ms rise ${health.ready} fall ${health.unready}`;
  return `${address} ${checks} observe layer4 error-limit ${refusals} on-error mark-down`;
}

function endpoint(target: Target): string {
  return target.address.includes(":")
    ? `[${target.address}]:${target.port}`
    : `${target.address}:${target.port}`;
}

function globalBlock(services: readonly RoutedService[], machine: RouterMachine): readonly string[] {
  const { account, paths } = machine;
  return [
    "# Written by Kiln with every change; edits are overwritten.\nglobal",
    "nbthread 2",
    `fd-hard-limit ${machine.openFiles}`,
    "hard-stop-after 12h",
    "mworker-max-reloads 50",
    `stats socket ${quote(paths.runtimeSocket)} mode 600 level admin`,
    ...(account ? [`user ${account.user}`, `group ${account.group}`, `chroot ${quote(paths.jail)}`] : []),
    ...tlsGlobals(services, paths),
    ...services.map((s) => `setenv ${recordPrefix}${s.service} ${recordOf(s)}`),
  ];
}

function recordOf(service: RoutedService): string {
  const json = JSON.stringify({ doors: service.doors, health: service.health });
  return `'${json.replaceAll("'", "\\u0027")}'`;
}

const httpDefaults = [
  "defaults http",
  "mode http",
  "balance roundrobin",
  "timeout connect 3s",
  "timeout client 10m",
  "timeout server 10m",
  "timeout http-request 30s",
  "timeout http-keep-alive 75s",
  "timeout queue 30s",
  "timeout tunnel 1h",
  "timeout client-fin 30s",
  "timeout server-fin 30s",
  // At a reload an idle client gets one more answer, with `Connection: close`, rather than a closed connection.
  "option idle-close-on-response",
  // A server may close an idle connection just as a request is sent to it, and a POST can't be sent twice.
  "option http-server-close",
  "option redispatch 1",
  "retries 10",
  "option splice-auto",
  plainError(400, "The request is malformed."),
  plainError(408, "The request did not arrive in time."),
  plainError(503, "No server of this service can answer now."),
  plainError(504, "The server did not answer in time."),
];

const tcpDefaults = [
  "defaults tcp",
  "mode tcp",
  "balance roundrobin",
  "timeout connect 3s",
  "timeout client 24h",
  "timeout server 24h",
  "timeout queue 30s",
  "option clitcpka",
  "option srvtcpka",
  "clitcpka-idle 60s",
  "srvtcpka-idle 60s",
  "option redispatch 1",
  "retries 10",
];

interface Door extends HttpDoor {
  readonly mode: Mode;
  /** The services that it leads to. */
  readonly services: readonly RoutedService["service"][];
}

/** The ports, in order, each with all services that it leads to. */
function doorsOf(services: readonly RoutedService[], machine: RouterMachine): readonly Door[] {
  const ports = [...new Set(services.flatMap((s) => s.doors.map((d) => d.listen)))].sort((a, b) => a - b);
  return ports.map((port) => {
    const reached = services.filter(({ doors }) => doors.some((door) => door.listen === port));
    const mode = reached[0]?.doors.find((door) => door.listen === port)?.mode ?? "http";
    const tls = bindTls(port, services, machine.paths);
    return {
      port,
      mode,
      binds: [`bind 0.0.0.0:${port}${tls}`, ...(machine.ipv6 ? [`bind [::]:${port} v6only${tls}`] : [])],
      isTls: tls !== "",
      services: reached.map(({ service }) => service),
      clients: clientsOf(machine, ports.length),
    };
  });
}

/**
 * A connection takes two and a half open files: its own, one to a server, and a share of the pipes for splicing. So HAProxy takes
 * 0.4 connections for each file that it may open. Every request takes a second one, within HAProxy: half of them are for clients.
 */
function clientsOf({ openFiles }: RouterMachine, ports: number): number {
  return Math.floor(openFiles / 5 / ports);
}

function tcpDoorBlock({ port, binds, clients, services }: Door): readonly string[] {
  const backends = services.map((service) => `default_backend ${backendName(service, "tcp")}`);
  return [`frontend door:${port} from tcp`, ...binds, `maxconn ${clients}`, ...backends];
}

function innerSockets({ account, paths }: RouterMachine): InnerSockets {
  return { bound: paths.jail, seen: account ? "" : paths.jail, user: account?.user };
}

function backendBlock(service: RoutedService, mode: Mode): readonly string[] {
  // Servers have the same names in a preview, and requests that come that way must not count.
  const isCounted = mode === "http" && previewedBy(service.service) === undefined;
  return [
    `backend ${backendName(service.service, mode)} from ${isCounted ? "counted" : mode}`,
    ...checkLines(service),
    ...(mode === "http" ? stripRules(service.doors) : []),
    ...[...service.targets]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((target) => `server ${target.id} ${serverArguments(target, service.health)}`),
  ];
}

/**
 * Any answer below 500 passes here: the router takes out only what is dead or says that it is broken. Kiln's own,
 * stricter check decides what is ready. The two may differ in host name, and during a rollout old servers are asked
 * for the new release's path; neither may take a good server out.
 */
function checkLines(service: RoutedService): readonly string[] {
  const { check, timeoutMs } = service.health;
  if (check.kind === "alive") return [];
  const timeout = `timeout check ${timeoutMs}ms`;
  if (check.kind === "tcp") return [timeout];
  const host = service.doors.map(mainHost).find((name) => name !== undefined) ?? "localhost";
  return [
    timeout,
    "option httpchk",
    `http-check send meth GET uri ${quote(check.path)} ver HTTP/1.1 hdr Host ${host} hdr Connection close`,
    "http-check expect status 200-499",
  ];
}

function targetsIn(config: string, backend: string): readonly Target[] {
  const start = config.indexOf(`\nbackend ${backend} `);
  const block = start < 0 ? "" : (config.slice(start + 1).split("\n\n")[0] ?? "");
  const server = /^ {2}server (\S+) (?:\[(\S+)\]|([^\s:]+)):(\d+) weight (\d+)/gm;
  return [...block.matchAll(server)].map(([, id = "", v6, v4, port, weight]) => ({
    id,
    address: v6 ?? v4 ?? "",
    port: Number(port),
    weight: Number(weight),
  }));
}
