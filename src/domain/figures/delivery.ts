import type { Deployment, Mark } from "./deployments.ts";
import { type Figure, figure, judged, noted } from "./figure.ts";
import { median, quantile } from "./statistics.ts";

/** From this moment on, up to that one (Unix time in ms). */
export interface Period {
  readonly sinceMs: number;
  readonly untilMs: number;
}

const dayMs = 86_400_000;
const weekMs = 7 * dayMs;

/** A deployment belongs to the period in which its release first got traffic. */
interface Moved extends Deployment {
  readonly moved: Mark;
}

/** The figures of how a service is delivered, from all its deployments so far. */
export function deliveryFigures(all: readonly Deployment[], period: Period): readonly Figure[] {
  const moved = all.filter((one): one is Moved => one.moved !== undefined && isWithin(one.moved, period));
  const caught = all.filter(
    ({ moved, failed }) => moved === undefined && failed !== undefined && isWithin(failed, period),
  );
  return [
    leadTime(moved),
    frequency(moved, firstMs(all), period),
    recoveryTime(moved),
    failRate(moved),
    reworkRate(moved, all),
    figure({
      ...{ name: "caught-before-traffic", n: caught.length, value: caught.length },
      events: sequences(caught.map(({ failed }) => failed)),
    }),
  ];
}

function leadTime(moved: readonly Moved[]): Figure {
  const completed = moved.filter(({ completed }) => completed !== undefined);
  const known = completed.filter(({ commits }) => commits !== undefined);
  const times = known.flatMap(({ commits, completed }) =>
    (commits?.newest ?? []).map(({ atMs }) => (completed?.atMs ?? 0) - atMs),
  );
  // A commit that seems to be made after its deployment has another machine's clock.
  const possible = times.filter((ms) => ms >= 0);
  const parts = {
    ...{ name: "lead-time" as const, n: possible.length, value: median(possible), more: p90(possible) },
    notes: [
      ...noted(completed.length - known.length, `of ${completed.length} deployments have unknown commits`),
      ...noted(
        known.filter(({ commits }) => commits?.complete === false).length,
        "deployments have more commits than are known",
        "deployment has more commits than are known",
      ),
      ...noted(
        times.length - possible.length,
        "commits have a time after their deployment",
        "commit has a time after its deployment",
      ),
    ],
    events: sequences(known.map(({ completed }) => completed)),
  };
  return judged(parts, known.length);
}

function frequency(
  moved: readonly Moved[],
  firstMs: number | undefined,
  { sinceMs, untilMs }: Period,
): Figure {
  const fromMs = Math.max(sinceMs, firstMs ?? untilMs);
  const weeks = Math.floor((untilMs - fromMs) / weekMs);
  const name = "deployment-frequency";
  if (weeks === 0)
    return figure({ name, n: 0, notes: ["The service has been deployed for less than a week."] });
  const byWeek = Map.groupBy(moved, ({ moved: { atMs } }) => Math.floor((untilMs - atMs) / weekMs));
  const inWeeks = Array.from({ length: weeks }, (_, week) => byWeek.get(week) ?? []);
  const counted = inWeeks.flat();
  return judged({
    ...{ name, n: counted.length, value: counted.length / weeks },
    more: { "median of days with a deployment": median(inWeeks.map(daysOf)) ?? 0 },
    events: sequences(counted.map((one) => one.moved)),
  });
}

/** On how many days (UTC) of one week something was deployed. */
function daysOf(moved: readonly Moved[]): number {
  return Math.min(7, new Set(moved.map(({ moved: { atMs } }) => Math.floor(atMs / dayMs))).size);
}

function recoveryTime(moved: readonly Moved[]): Figure {
  const failed = moved.filter((one) => one.failed !== undefined);
  const recovered = failed.flatMap((one) =>
    one.recovered === undefined ? [] : [{ ...one, recovered: one.recovered }],
  );
  const times = recovered.map((one) => Math.max(0, one.recovered.atMs - one.moved.atMs));
  return judged({
    ...{ name: "recovery-time", n: times.length, value: median(times), more: p90(times) },
    notes: noted(
      failed.length - recovered.length,
      "failed deployments have not recovered yet",
      "failed deployment has not recovered yet",
    ),
    events: sequences(recovered.flatMap((one) => [one.moved, one.recovered])),
  });
}

function failRate(moved: readonly Moved[]): Figure {
  const failed = moved.filter((one) => one.failed !== undefined);
  return judged({
    ...{ name: "fail-rate", n: moved.length, value: failed.length / moved.length },
    notes: noted(failed.length, "failed"),
    events: sequences(failed.map((one) => one.failed)),
  });
}

/** The failure may lie before the period. */
function reworkRate(moved: readonly Moved[], all: readonly Deployment[]): Figure {
  const rework = reworkOf(all);
  const found = moved.filter(({ rollout }) => rework.has(rollout));
  return judged({
    ...{ name: "rework-rate", n: moved.length, value: found.length / moved.length, guessed: true },
    events: sequences(found.map(({ started }) => started)),
  });
}

/** The rollouts that were the first within a day after a failed deployment. */
function reworkOf(all: readonly Deployment[]): ReadonlySet<number> {
  const failures = all
    .flatMap(({ moved, failed }) => (moved === undefined ? [] : (failed ?? [])))
    .toSorted((a, b) => a.sequence - b.sequence);
  const rework = new Set<number>();
  for (const { moved, started, rollout } of all) {
    if (moved === undefined) continue;
    while (failures[0] !== undefined && failures[0].sequence < started.sequence) {
      const failure = failures.shift();
      if (failure !== undefined && started.atMs - failure.atMs <= dayMs) rework.add(rollout);
    }
  }
  return rework;
}

function p90(values: readonly number[]): Readonly<Record<string, number>> {
  const value = quantile(values, 0.9);
  return value === undefined ? {} : { "90 %": value };
}

function firstMs(all: readonly Deployment[]): number | undefined {
  return all[0]?.started.atMs;
}

export function isWithin({ atMs }: Mark, { sinceMs, untilMs }: Period): boolean {
  return atMs >= sinceMs && atMs < untilMs;
}

export function sequences(marks: readonly (Mark | undefined)[]): readonly number[] {
  return marks.flatMap((mark) => mark?.sequence ?? []).toSorted((a, b) => a - b);
}
