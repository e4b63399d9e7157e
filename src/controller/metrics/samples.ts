import { type ServiceKey, serviceOf } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { latencyBoundsMs } from "../../domain/traffic/latency.ts";
import { type ObservedClasses, type Sample, sample } from "../../lib/prometheus.ts";
import type { ServiceStatus, SourceStatus } from "../operations.ts";
import { metrics } from "./definitions.ts";
import type { Meter } from "./meter.ts";
import { journeys, results, type ServiceTally } from "./tally.ts";

/** What is known of one service at the time of a scrape. */
export interface ServiceSample {
  readonly status: ServiceStatus;
  /** The release that the running rollout leads to; undefined without one. */
  readonly next: Release | undefined;
  readonly tally: ServiceTally;
  /** When the serving image was made (Unix time in ms); undefined where that is not known. */
  readonly imageMadeAtMs: number | undefined;
}

const states = ["creating", "starting", "ready", "draining", "quarantined"] as const;

/** Some of `latencyBoundsMs`: about three for each power of ten. */
const requestBoundsMs: readonly number[] = [5, 10, 22, 47, 100, 220, 470, 1000, 2200, 4700, 10_000, 33_000];

type Labels = Readonly<Record<"service" | "environment", string>>;

/** Every sample of one service. What cannot be seen now has none: unknown is not 0. */
export function serviceSamples(figures: ServiceSample, meter: Meter, nowMs: number): readonly Sample[] {
  const { status } = figures;
  const labels = labelsOf(status.service);
  return [
    sample(metrics.wanted, labels, status.count),
    ...(status.target.trouble === undefined ? serverSamples(status, labels, nowMs) : []),
    ...releaseSamples(figures, labels, nowMs),
    ...rolloutSamples(status, labels),
    ...tallySamples(figures.tally, labels),
    ...trafficSamples(figures, meter, labels),
  ];
}

function labelsOf(key: ServiceKey): Labels {
  const service = serviceOf(key);
  return { service, environment: key.slice(service.length + 1) };
}

/** Of a service that follows a repository, deployed or not. */
export function sourceSamples({
  service,
  failing,
  hold,
  lookedAtMs,
  deployed,
}: SourceStatus): readonly Sample[] {
  const labels = labelsOf(service);
  return [
    sample(metrics.sourceFailing, labels, failing === undefined ? 0 : 1),
    sample(metrics.sourceHeld, labels, hold === undefined ? 0 : 1),
    ...(lookedAtMs === undefined ? [] : [sample(metrics.sourceLooked, labels, lookedAtMs / 1000)]),
    ...(deployed === undefined ? [] : [sample(metrics.sourceDeployed, labels, deployed.atMs / 1000)]),
  ];
}

function serverSamples({ servers }: ServiceStatus, labels: Labels, nowMs: number): readonly Sample[] {
  const oldestMs = servers.reduce((oldest, { createdAtMs }) => Math.min(oldest, createdAtMs), nowMs);
  return [
    ...states.map((state) => {
      const count = servers.filter((server) => server.state === state).length;
      return sample(metrics.servers, { ...labels, state }, count);
    }),
    sample(metrics.tainted, labels, servers.filter(({ taint }) => taint !== undefined).length),
    ...(servers.length === 0 ? [] : [sample(metrics.serverAge, labels, secondsSince(oldestMs, nowMs))]),
  ];
}

function releaseSamples(
  { status: { serving }, next, imageMadeAtMs }: ServiceSample,
  labels: Labels,
  nowMs: number,
): readonly Sample[] {
  const info = (role: "serving" | "new", { number, version, image }: Release) =>
    sample(metrics.release, { ...labels, release: `${number}`, role, version, image }, 1);
  return [
    ...(serving === undefined ? [] : [info("serving", serving)]),
    ...(next === undefined ? [] : [info("new", next)]),
    ...(imageMadeAtMs === undefined
      ? []
      : [sample(metrics.imageAge, labels, secondsSince(imageMadeAtMs, nowMs))]),
  ];
}

function rolloutSamples({ rollout, shares }: ServiceStatus, labels: Labels): readonly Sample[] {
  const active = sample(metrics.rolloutActive, labels, rollout === undefined ? 0 : 1);
  const paused = sample(metrics.rolloutPaused, labels, rollout?.phase === "paused" ? 1 : 0);
  return rollout === undefined
    ? [active, paused]
    : [active, paused, ...progressSamples(rollout, shares, labels)];
}

function progressSamples(
  { step, steps }: Rollout,
  shares: ServiceStatus["shares"],
  labels: Labels,
): readonly Sample[] {
  return [
    sample(metrics.rolloutStep, labels, step + 1),
    sample(metrics.rolloutSteps, labels, steps.length),
    ...shares.map(({ release, share }) => sample(metrics.share, { ...labels, release: `${release}` }, share)),
  ];
}

function tallySamples(tally: ServiceTally, labels: Labels): readonly Sample[] {
  return [
    sample(metrics.starts, labels, tally.starts),
    ...[...tally.findings].map(([kind, count]) => sample(metrics.findings, { ...labels, kind }, count)),
    ...journeys.flatMap((journey) =>
      results.map((result) =>
        sample(metrics.rollouts, { ...labels, journey, result }, tally.ended(journey, result)),
      ),
    ),
    ...[...tally.took].map(([result, took]) => sample(metrics.rolloutTook, { ...labels, result }, took)),
  ];
}

function trafficSamples(
  { status: { service, serving }, next }: ServiceSample,
  meter: Meter,
  labels: Labels,
): readonly Sample[] {
  const numbers = new Set([serving, next].flatMap((release) => release?.number ?? []));
  return [...numbers].flatMap((number) => {
    const { requests, errors, latency } = meter.trafficOf(service, number);
    const own = { ...labels, release: `${number}` };
    return [
      sample(metrics.requests, { ...own, result: "answered" }, requests - errors),
      sample(metrics.requests, { ...own, result: "failed" }, errors),
      sample(metrics.requestTook, own, requestTimes(latency)),
    ];
  });
}

/** Counts of the fine classes in the coarse ones. Each coarse bound is a fine one too. */
export function requestTimes(latency: readonly number[]): ObservedClasses {
  const counts = [...requestBoundsMs, Number.POSITIVE_INFINITY].map(() => 0);
  for (const [i, count] of latency.entries()) {
    const fine = latencyBoundsMs[i] ?? Number.POSITIVE_INFINITY;
    const found = requestBoundsMs.findIndex((bound) => fine <= bound);
    const index = found === -1 ? requestBoundsMs.length : found;
    counts[index] = (counts[index] ?? 0) + count;
  }
  return { bounds: requestBoundsMs.map((ms) => ms / 1000), counts, sum: undefined };
}

/** Below 0 when the clock was set back in between. */
function secondsSince(atMs: number, nowMs: number): number {
  return Math.max(0, nowMs - atMs) / 1000;
}
