import type { Outcome } from "../simulation.ts";
import { type Counts, faults, requests } from "../tally.ts";

/** What came of many runs. */
export interface ManyRuns {
  readonly runs: number;
  readonly findings: readonly string[];
  readonly total: Outcome;
  readonly cpuSeconds: number;
}

export const noOutcome: Outcome = {
  rollouts: 0,
  complete: 0,
  lives: 0,
  checks: 0,
  simulatedMs: 0,
  happened: {},
};

export function addOutcomes(a: Outcome, b: Outcome): Outcome {
  return {
    rollouts: a.rollouts + b.rollouts,
    complete: a.complete + b.complete,
    lives: a.lives + b.lives,
    checks: a.checks + b.checks,
    simulatedMs: a.simulatedMs + b.simulatedMs,
    happened: addCounts(a.happened, b.happened),
  };
}

function addCounts(a: Counts, b: Counts): Counts {
  const names = [...faults, ...requests];
  return Object.fromEntries(names.map((name) => [name, (a[name] ?? 0) + (b[name] ?? 0)]));
}

/** What a person reads after many runs: how often each fault and each request has happened, and all of it in short. */
export function summaryLines({ runs, findings, total, cpuSeconds }: ManyRuns): readonly string[] {
  const { rollouts, complete, lives, checks, simulatedMs, happened } = total;
  const perThousand = (cpuSeconds / Math.max(1, rollouts)) * 1000;
  const faultCount = faults.reduce((sum, name) => sum + (happened[name] ?? 0), 0);
  const kills = happened["the controller was killed"] ?? 0;
  return [
    ...[...faults, ...requests].map((name) => `${String(happened[name] ?? 0).padStart(8)}  ${name}`),
    `${runs} runs, ${findings.length} with a finding; ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours`,
    `${rollouts} rollouts (${complete} complete), ${faultCount} faults, ${kills} kills, ${lives} controllers, ${checks} checks`,
    `${cpuSeconds.toFixed(1)} s of CPU; ${perThousand.toFixed(1)} s for a thousand rollouts`,
  ];
}
