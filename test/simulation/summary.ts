import type { Counts } from "./simulation.ts";

export const noCounts: Counts = {
  rollouts: 0,
  complete: 0,
  faults: 0,
  kills: 0,
  lives: 0,
  checks: 0,
  simulatedMs: 0,
};

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    rollouts: a.rollouts + b.rollouts,
    complete: a.complete + b.complete,
    faults: a.faults + b.faults,
    kills: a.kills + b.kills,
    lives: a.lives + b.lives,
    checks: a.checks + b.checks,
    simulatedMs: a.simulatedMs + b.simulatedMs,
  };
}

/** What a person reads after many runs; `cpuSeconds` is the processor time that they took. */
export function summaryLines(
  runs: number,
  failed: number,
  counts: Counts,
  cpuSeconds: number,
): readonly string[] {
  const { rollouts, complete, faults, kills, lives, checks, simulatedMs } = counts;
  const perThousand = (cpuSeconds / Math.max(1, rollouts)) * 1000;
  return [
    `${runs} runs, ${failed} with a finding; ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours`,
    `${rollouts} rollouts (${complete} complete), ${faults} faults, ${kills} kills, ${lives} controllers, ${checks} checks`,
    `${cpuSeconds.toFixed(1)} s of CPU; ${perThousand.toFixed(1)} s for a thousand rollouts`,
  ];
}
