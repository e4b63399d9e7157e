import type { ImageDigest } from "../ids.ts";
import type { UnbuiltRelease } from "../rollout/release.ts";
import type { Origin } from "../rollout/rollout.ts";
import type { RolloutPolicy } from "../spec/rollout-policy.ts";
import type { UpkeepPolicy } from "../spec/upkeep-policy.ts";
import type { TargetName } from "../target.ts";

/** What climbs a ladder of environments: one image, and the configuration that `kiln.yaml` had for each environment above. */
export interface PromotionCandidate {
  readonly id: number;
  /** The service's own name. */
  readonly service: string;
  readonly image: ImageDigest;
  readonly version: string;
  readonly origin: Origin | undefined;
  /** The environments of the ladder, from its foot. */
  readonly ladder: readonly string[];
  /** By environment: those above the one that it was deployed to. */
  readonly rungs: Readonly<Record<string, Rung>>;
  readonly createdAtMs: number;
  readonly createdBy: string;
}

/** What a deploy to one environment asks for, except its image. */
export interface Rung {
  readonly target: TargetName | undefined;
  readonly count: number;
  readonly draft: UnbuiltRelease;
  readonly policy: RolloutPolicy;
  readonly upkeep: UpkeepPolicy | undefined;
}

/** A candidate, before it has its number. */
export type NewCandidate = Omit<PromotionCandidate, "id" | "createdAtMs" | "createdBy">;

/** The environment just below this one. Undefined: it is at the foot, or not on the ladder. */
export function below(ladder: readonly string[], environment: string): string | undefined {
  const index = ladder.indexOf(environment);
  return index < 1 ? undefined : ladder[index - 1];
}
