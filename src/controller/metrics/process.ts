import { readdirSync } from "node:fs";
import { type Sample, sample } from "../../lib/prometheus.ts";
import { metrics } from "./definitions.ts";

/** What this process uses, by the names that Prometheus' own clients have. */
export function processSamples(startedAtMs: number): readonly Sample[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return [
    sample(metrics.cpu, {}, (user + system) / 1e6),
    sample(metrics.memory, {}, rss),
    sample(metrics.started, {}, startedAtMs / 1000),
    sample(metrics.files, {}, readdirSync("/proc/self/fd").length),
    sample(metrics.heapUsed, {}, heapUsed),
    sample(metrics.heapTotal, {}, heapTotal),
    sample(metrics.node, { version: process.version }, 1),
  ];
}
