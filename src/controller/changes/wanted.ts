import type { ServiceKey } from "../../domain/ids.ts";
import { atTarget } from "../../domain/rollout/move.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import type { TargetName } from "../../domain/target.ts";
import type { Store } from "../../store/store.ts";

/** What a service is to be, and how it is rolled out. */
export interface WantedService {
  readonly desired: DesiredService | undefined;
  readonly policy: RolloutPolicy | undefined;
}

/** On one target. */
export function wantedOf(
  store: Pick<Store, "desired" | "policy">,
  service: ServiceKey,
  target: TargetName,
): WantedService {
  const desired = store.desired(service);
  return { desired: desired && atTarget(desired, target), policy: store.policy(service) };
}

export function servingOf(desired: DesiredService | undefined): Release | undefined {
  return desired?.serving === undefined ? undefined : desired.releases.get(desired.serving);
}

/** The release that is to serve at the end. */
export function finalReleaseOf(desired: DesiredService | undefined): Release | undefined {
  const { rollout } = desired ?? {};
  const isBack = rollout === undefined || rollout.phase === "back";
  return isBack ? servingOf(desired) : desired?.releases.get(rollout.to);
}
