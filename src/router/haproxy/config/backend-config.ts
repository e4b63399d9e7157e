import { mainHost } from "../../../domain/traffic/listener.ts";
import { sha256 } from "../../../lib/files/sha256.ts";
import { previewedBy } from "../../preview-key.ts";
import type { RoutedService, Upstream } from "../../router.ts";
import { backendName, type Mode } from "./names.ts";
import { quote, quoteLines } from "./quote.ts";
import { stripRules } from "./route-map.ts";

/** After so many failed connections without one that succeeds, a server is dead, whatever its last check said. */
const refusals = 10;

/** The servers of a service, and how requests are given to them. */
export function backendBlock(service: RoutedService, mode: Mode): readonly string[] {
  // Servers have the same names in a preview, and requests that come that way must not count.
  const isCounted = mode === "http" && previewedBy(service.service) === undefined;
  return [
    `backend ${backendName(service.service, mode)} from ${isCounted ? "counted" : mode}`,
    ...checkLines(service),
    ...(mode === "http"
      ? [...stripRules(service.frontends), ...stickyLines(service), ...maintenanceLines(service)]
      : []),
    ...timeoutLines(service, mode),
    ...[...service.upstreams]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((upstream) => `server ${upstream.id} ${serverArguments(upstream, service)}`),
  ];
}

/** What follows `server NAME` in the file and `add server BACKEND/NAME` on the socket. */
export function serverArguments(upstream: Upstream, { health, frontends }: RoutedService): string {
  const isSticky = frontends.some(({ sticky }) => sticky);
  const speaksHttp2 = upstream.protocol === "h2c";
  return [
    `${endpoint(upstream)} weight ${upstream.weight}`,
    // Where a server stands among the others follows from its number, which has to outlive a reload.
    ...(isSticky ? [`id ${numberOf(upstream.id)}`] : []),
    ...(speaksHttp2 ? ["proto h2"] : []),
    ...(upstream.sendProxy ? ["send-proxy-v2"] : []),
    ...(health.check.kind === "alive" ? [] : [checkArguments(health)]),
    // As Kiln's own check, which is the stricter one.
    ...(speaksHttp2 && health.check.kind === "http" ? ["check-proto h1"] : []),
  ].join(" ");
}

function checkArguments({ intervalMs, ready, unready }: RoutedService["health"]): string {
  const checks = `check inter ${intervalMs}ms rise ${ready} fall ${unready}`;
  return `${checks} observe layer4 error-limit ${refusals} on-error mark-down`;
}

function endpoint({ address, port }: Upstream): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** 1 to 2^31 - 1 (Configuration Manual, section 5.2, "id"). */
function numberOf(id: string): number {
  return 1 + (Number.parseInt(sha256(id).slice(0, 8), 16) % (2 ** 31 - 1));
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
  if (check.kind !== "http") return [timeout];
  const host =
    check.host ?? service.frontends.map(mainHost).find((name) => name !== undefined) ?? "localhost";
  return [
    timeout,
    "option httpchk",
    `http-check send meth ${check.method ?? "GET"} uri ${quote(check.path)} ver HTTP/1.1 hdr Host ${host} hdr Connection close`,
    "http-check expect status 200-499",
  ];
}

/**
 * The cookie holds a random number for each client, and the client's place among the servers follows from that. So a server with
 * weight 0 loses its clients at once, and shares of the traffic are shares of the clients.
 */
function stickyLines({ service, frontends }: RoutedService): readonly string[] {
  if (!frontends.some(({ sticky }) => sticky)) return [];
  const cookie = `kiln_${(previewedBy(service) ?? service).replaceAll(".", "_")}`;
  const secure = frontends.every(({ tls }) => tls !== undefined) ? "; Secure" : "";
  return [
    "balance hash var(txn.client)",
    "hash-type consistent",
    `http-request set-var(txn.client) req.cook(${cookie})`,
    "http-request set-var(txn.new) uuid() unless { var(txn.client) -m found }",
    "http-request set-var(txn.client) var(txn.new) if { var(txn.new) -m found }",
    `http-after-response add-header Set-Cookie ${quote(`${cookie}=%[var(txn.new)]; Path=/; HttpOnly; SameSite=Lax${secure}`)} if { var(txn.new) -m found }`,
  ];
}

function maintenanceLines({ frontends }: RoutedService): readonly string[] {
  const page = frontends.findLast(({ maintenance }) => maintenance !== undefined)?.maintenance;
  if (page === undefined) return [];
  const type = /^\s*</.test(page) ? "text/html" : "text/plain";
  return [`http-error status 503 content-type ${quote(`${type}; charset=utf-8`)} string ${quoteLines(page)}`];
}

function timeoutLines({ frontends }: RoutedService, mode: Mode): readonly string[] {
  const longest = (key: "timeoutMs" | "idleMs") => {
    const found = frontends
      .filter((frontend) => frontend.mode === mode)
      .flatMap(({ limits }) => limits?.[key] ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const [timeout, idle] = [longest("timeoutMs"), longest("idleMs")];
  if (mode === "tcp") return idle === undefined ? [] : [`timeout server ${idle}ms`];
  return [
    ...(timeout === undefined ? [] : [`timeout server ${timeout}ms`]),
    ...(idle === undefined ? [] : [`timeout tunnel ${idle}ms`]),
  ];
}
