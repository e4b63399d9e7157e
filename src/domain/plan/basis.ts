import type { DesiredService } from "../rollout/rollout.ts";

/**
 * What a plan goes by, in one string: the plan holds for as long as this stays the same. After that what is left of it was
 * decided for something that is no longer desired. What a plan records of its own progress is not part of it.
 */
export function basisOf(desired: DesiredService | undefined): string {
  if (desired === undefined) return "";
  // Releases are frozen. For warm ones and for runs the store refuses what comes too late.
  const { releases: _releases, warm: _warm, runs: _runs, rollout, taints, ...rest } = desired;
  const { id, phase, promoted, judgedFromMs } = rollout ?? {};
  const taken = taints.map(({ server, takenAtMs }) => [server, takenAtMs !== undefined]);
  return JSON.stringify({ ...rest, rollout: { id, phase, promoted, judgedFromMs }, taken });
}
