import type { Action } from "../../../domain/rollout/actions.ts";
import { draftOf } from "../../../domain/rollout/release.ts";
import type { Target } from "../../../domain/target.ts";
import { canonicalJson } from "../../../lib/canonical-json.ts";
import { digestOf } from "../../../lib/files/sha256.ts";
import { finalReleaseOf, type WantedService } from "../wanted.ts";

/** What says no more about an action than why, when, and in which record. */
const untold: readonly string[] = ["reason", "atMs", "untilMs", "rollout"];

/**
 * Two plans have the same digest when the same would be done to the same: it covers the target with its options, what serves, the running rollout, the
 * release to come with its image, secrets and files, the number of servers, the policies and every action; neither times,
 * nor reasons, nor who asks.
 */
export function digestOfPlan(
  { name, platform, options }: Target,
  before: WantedService,
  after: WantedService,
  actions: readonly Action[],
): string {
  const { service, serving, count, rollout } = before.desired ?? {};
  const final = finalReleaseOf(after.desired);
  const rolloutAfter = after.desired?.rollout; // a promotion skips a hold, which is not an action
  const told = JSON.stringify(actions, (key, value) => (untold.includes(key) ? undefined : value));
  return digestOf(
    canonicalJson({
      from: { service, serving, count, rollout: rollout && [rollout.id, rollout.phase, rollout.step] },
      to: {
        service: after.desired?.service,
        target: { name, platform, options },
        number: final?.number,
        release: final && draftOf(final),
        count: after.desired?.count,
        upkeep: after.desired?.upkeep,
        policy: after.policy,
        removed: after.desired?.removed,
        rollout: rolloutAfter && [rolloutAfter.kind, rolloutAfter.phase, rolloutAfter.promoted],
        restore: rolloutAfter?.restore,
        actions: JSON.parse(told),
      },
    }),
  );
}
