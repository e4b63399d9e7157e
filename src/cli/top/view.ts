import { latencyBoundsMs } from "../../domain/traffic/latency.ts";
import type { Style } from "../output/style.ts";
import { plainText, table } from "../output/text.ts";
import { formatBytes, plural } from "../output/units.ts";
import type { ServerRates, ServiceRates } from "./rates.ts";

const header = ["SERVICE", "RELEASE", "STATE", "REQ/S", "ERRORS", "95 % IN", "CPU", "MEMORY"];

/** A table of services with their servers, and below it what cannot be told, and why. */
export function topLines(services: readonly ServiceRates[], style: Style): readonly string[] {
  if (services.length === 0) return ["No services."];
  const rows = services.flatMap((service) => [
    serviceCells(service, style),
    ...service.servers.map((server) => serverCells(server, style)),
  ]);
  const unknown = new Set(
    services.flatMap(({ target, unknown: why }) => why.map((one) => plainText(`${target}: ${one}`))),
  );
  return [
    ...table(header, rows),
    ...(unknown.size === 0 ? [] : ["", ...[...unknown].map((why) => style.dim(`Not known on ${why}`))]),
  ];
}

function serviceCells(of: ServiceRates, style: Style): readonly string[] {
  const { service, serving, servers, requestsPerSecond, errorShare } = of;
  const inTraffic = servers.filter((server) => server.inTraffic).length;
  return [
    style.bold(service),
    serving === undefined ? "-" : `${serving}`,
    `${inTraffic} of ${plural(servers.length, "server")} with traffic`,
    requestsPerSecond === undefined ? "-" : rate(requestsPerSecond),
    errorsText(errorShare, style),
    latencyText(of.p95Ms),
    cpuText(of.cpu),
    memoryText(of.memoryBytes),
  ];
}

function serverCells(
  { id, release, state, inTraffic, ...used }: ServerRates,
  style: Style,
): readonly string[] {
  const shown = state === "ready" ? (inTraffic ? state : "ready, without traffic") : style.warn(state);
  return [`  ${id}`, `${release}`, shown, "", "", "", cpuText(used.cpu), memoryText(used.memoryBytes)];
}

function rate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

function errorsText(share: number | undefined, style: Style): string {
  if (share === undefined) return "-";
  const text = `${Number((share * 100).toPrecision(2))} %`;
  return share > 0 ? style.bad(text) : text;
}

/** The bound of a class of response times. */
function latencyText(ms: number | undefined): string {
  if (ms === undefined) return "-";
  return Number.isFinite(ms) ? `${ms} ms` : `over ${latencyBoundsMs.at(-1)} ms`;
}

/** 100 %: all of one processor. */
function cpuText(cpu: number | undefined): string {
  return cpu === undefined ? "-" : `${(cpu * 100).toFixed(cpu < 0.1 ? 1 : 0)} %`;
}

function memoryText(bytes: number | undefined): string {
  return bytes === undefined ? "-" : formatBytes(bytes);
}
