import { p95Ms } from "../../domain/traffic/latency.ts";
import { addCounts, noTraffic, type TrafficCounter, trafficBetween } from "../../domain/traffic/traffic.ts";
import type { ServiceUsage } from "../api.ts";

type ServerUsage = ServiceUsage["servers"][number];

export interface ServerRates extends Pick<ServerUsage, "id" | "release" | "state" | "inTraffic"> {
  /** Processors: 1 is all of one. Undefined: not known. */
  readonly cpu: number | undefined;
  readonly memoryBytes: number | undefined;
}

/** What a service does in a span of time. Undefined: not known. */
export interface ServiceRates
  extends Pick<ServiceUsage, "service" | "target" | "serving" | "atMs" | "unknown"> {
  readonly requestsPerSecond: number | undefined;
  /** 0 to 1; undefined also without requests. */
  readonly errorShare: number | undefined;
  /** Infinite: slower than what can be told apart. Undefined also without requests. */
  readonly p95Ms: number | undefined;
  /** Of all servers whose is known. */
  readonly cpu: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly servers: readonly ServerRates[];
}

/** What was done between two looks. Pure. */
export function ratesBetween(
  before: readonly ServiceUsage[],
  after: readonly ServiceUsage[],
): readonly ServiceRates[] {
  const known = new Map(before.map((usage) => [usage.service, usage]));
  return after.map((usage) => ratesOf(known.get(usage.service), usage));
}

function ratesOf(before: ServiceUsage | undefined, after: ServiceUsage): ServiceRates {
  const { service, target, serving, atMs, unknown } = after;
  const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1_000;
  const known = new Map(before?.servers.map((server) => [server.id, server]));
  const servers = after.servers.map((server): ServerRates => {
    const { id, release, state, inTraffic, memoryBytes } = server;
    return { id, release, state, inTraffic, cpu: cpuOf(known.get(id), server, seconds), memoryBytes };
  });
  return {
    ...{ service, target, serving, atMs, unknown, servers },
    ...trafficOf(before, after, seconds),
    cpu: sumOf(servers.map(({ cpu }) => cpu)),
    memoryBytes: sumOf(servers.map(({ memoryBytes }) => memoryBytes)),
  };
}

function cpuOf(before: ServerUsage | undefined, after: ServerUsage, seconds: number): number | undefined {
  if (before?.cpuMs === undefined || after.cpuMs === undefined || seconds <= 0) return undefined;
  return Math.max(0, after.cpuMs - before.cpuMs) / 1_000 / seconds;
}

function trafficOf(
  before: ServiceUsage | undefined,
  after: ServiceUsage,
  seconds: number,
): Pick<ServiceRates, "requestsPerSecond" | "errorShare" | "p95Ms"> {
  if (before?.traffic === undefined || after.traffic === undefined || seconds <= 0)
    return { requestsPerSecond: undefined, errorShare: undefined, p95Ms: undefined };
  const counted = trafficBetween(countersOf(before), countersOf(after));
  const { requests, errors, latency } = counted.reduce(addCounts, noTraffic);
  return {
    requestsPerSecond: requests / seconds,
    errorShare: requests === 0 ? undefined : Math.min(1, errors / requests),
    p95Ms: p95Ms(latency),
  };
}

function countersOf({ service, traffic = [] }: ServiceUsage): readonly TrafficCounter[] {
  return traffic.map((counter) => ({ ...counter, service }));
}

function sumOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}
