import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import type { RoutedService, Upstream } from "../../router.ts";
import { countedDefaults, responseTimes } from "../response-times.ts";
import { accessRules } from "./access-log.ts";
import { backendBlock } from "./backend-config.ts";
import { frontendsOf, tcpFrontendBlock } from "./frontend-config.ts";
import { httpBlocks, type InnerSockets, plainError, type Silence } from "./http-config.ts";
import { backendName, modesOf } from "./names.ts";
import { quote } from "./quote.ts";
import { forwardedRules, limitRules } from "./request-rules.ts";
import { type RouteMap, redirectBlocks, routeMap, routeRules } from "./route-map.ts";
import type { RouterMachine } from "./router-machine.ts";
import { tlsGlobals } from "./tls-config.ts";

/** A service's record in the environment of HAProxy carries this before the service key. */
const recordPrefix = "kiln:";

/**
 * The whole configuration file: the same services in any order give the same text. Keywords as in the HAProxy 2.6
 * Configuration Manual. `parseConfig` reads the services back.
 */
export function renderConfig(services: readonly RoutedService[], machine: RouterMachine): string {
  const sorted = [...services].sort((a, b) => (a.service < b.service ? -1 : 1));
  const frontends = frontendsOf(sorted, machine);
  const routes = routesOf(sorted);
  const silence = longestSilence(sorted);
  const blocks = [
    globalBlock(sorted, machine),
    [...httpDefaults, `timeout client ${silence.timeoutMs}ms`],
    countedDefaults,
    tcpDefaults,
    ...frontends.filter(({ mode }) => mode === "tcp").map(tcpFrontendBlock),
    ...httpBlocks(
      frontends.filter(({ mode }) => mode === "http"),
      [
        ...routeRules(routes, machine.paths),
        ...(machine.takesAccessLog ? accessRules(sorted) : []),
        ...limitRules(sorted),
        ...forwardedRules(sorted),
      ],
      innerSockets(machine),
      silence,
    ),
    ...redirectBlocks(routes),
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
    upstreams: upstreamsIn(text, backendName(record.service, modesOf(record)[0] ?? "http")),
  }));
}

/** What a service's record holds: all that can't be read from its servers. */
export type RouterRecord = Omit<RoutedService, "upstreams">;

interface WrittenRecord extends Pick<RouterRecord, "health"> {
  readonly frontends?: readonly TrafficSpec[];
  readonly doors?: readonly TrafficSpec[];
}

/** The records among `NAME=value` lines, as `show env` prints them (HAProxy Management Guide, section 9.3). */
export function parseRecords(lines: string): readonly RouterRecord[] {
  return [...lines.matchAll(/^kiln:([^=\n]+)=(.*)$/gm)].map(([, service = "", json = ""]) => {
    // Only `recordOf` below writes this: the folder is ours alone. Kiln 0.1 called the frontends `doors`.
    const { doors = [], frontends = doors, health } = JSON.parse(json) as WrittenRecord;
    // JSON has no `undefined`, but a frontend has always a `host`.
    return {
      service,
      frontends: frontends.map((frontend) => ({ ...frontend, host: frontend.host })),
      health,
    };
  });
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
  const json = JSON.stringify({ frontends: service.frontends, health: service.health });
  return `'${json.replaceAll("'", "\\u0027")}'`;
}

/** What the ways of requests wait at least: no service of theirs may be silent for longer. */
function longestSilence(services: readonly RoutedService[]): Silence {
  const limits = services.flatMap(({ frontends }) => frontends.flatMap((frontend) => frontend.limits ?? []));
  return {
    timeoutMs: Math.max(600_000, ...limits.map(({ timeoutMs = 0 }) => timeoutMs)),
    tunnelMs: Math.max(3_600_000, ...limits.map(({ idleMs = 0 }) => idleMs)),
  };
}

const httpDefaults = [
  "defaults http",
  "mode http",
  "balance roundrobin",
  "timeout connect 3s",
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
  plainError(400, "The request is malformed, or its head is larger than 15 KiB."),
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

function innerSockets({ account, paths }: RouterMachine): InnerSockets {
  return { bound: paths.jail, seen: account ? "" : paths.jail, user: account?.user };
}

function upstreamsIn(config: string, backend: string): readonly Upstream[] {
  const start = config.indexOf(`\nbackend ${backend} `);
  const block = start < 0 ? "" : (config.slice(start + 1).split("\n\n")[0] ?? "");
  const server = /^ {2}server (\S+) (?:\[(\S+)\]|([^\s:]+)):(\d+) weight (\d+)(.*)$/gm;
  return [...block.matchAll(server)].map(([, id = "", v6, v4, port, weight, rest = ""]) => ({
    id,
    address: v6 ?? v4 ?? "",
    port: Number(port),
    weight: Number(weight),
    ...spokenIn(rest),
  }));
}

type Spoken = Pick<Upstream, "protocol" | "sendProxy">;

function spokenIn(serverArguments: string): Spoken {
  return {
    ...(/ proto h2\b/.test(serverArguments) ? { protocol: "h2c" as const } : {}),
    ...(/ send-proxy-v2\b/.test(serverArguments) ? { sendProxy: true } : {}),
  };
}

/** By id, for servers that are not asked by plain HTTP/1.1: a running HAProxy does not say so. */
export function spokenBy(config: string): ReadonlyMap<string, Spoken> {
  const server = /^ {2}server (\S+) \S+ weight \d+(.* (?:proto h2|send-proxy-v2)\b.*)$/gm;
  return new Map([...config.matchAll(server)].map(([, id = "", rest = ""]) => [id, spokenIn(rest)]));
}
