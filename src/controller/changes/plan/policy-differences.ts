import type { RolloutPolicy } from "../../../domain/spec/rollout-policy.ts";
import type { DriftPolicy, UpkeepPolicy } from "../../../domain/spec/upkeep-policy.ts";
import { spanWords } from "../../../lib/time/span.ts";
import type { Store } from "../../../store/store.ts";
import type { DeployRequest } from "../../operations.ts";

/** How a service is rolled out, and what is done about its servers afterwards: neither is part of a release. */
interface Policies {
  readonly policy: RolloutPolicy;
  readonly upkeep: UpkeepPolicy;
}

/** What a request would change of them. Empty for a service that is not there yet. */
export function newPolicies(
  store: Pick<Store, "desired" | "policy">,
  { service, policy, upkeep }: Pick<DeployRequest, "service" | "policy" | "upkeep">,
): readonly string[] {
  const [desired, before] = [store.desired(service), store.policy(service)];
  if (desired === undefined || before === undefined) return [];
  return policyDifferences(
    { policy: before, upkeep: desired.upkeep },
    { policy, upkeep: upkeep ?? desired.upkeep },
  );
}

/** What changes between the two: one sentence each, by the names of kiln.yaml. */
export function policyDifferences(before: Policies, after: Policies): readonly string[] {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  return Object.keys(old).flatMap((name) =>
    old[name] === now[name] ? [] : [`${name}: ${old[name]} -> ${now[name]}`],
  );
}

function wordsOf({ policy, upkeep }: Policies): Readonly<Record<string, string>> {
  const { drift, maxAgeMs } = upkeep;
  return {
    "rollout.strategy": policy.strategy,
    "rollout.steps": policy.steps.length === 0 ? "none" : JSON.stringify(policy.steps),
    "rollout.promote": policy.promote,
    "rollout.surge": String(policy.surge),
    "rollout.unavailable": String(policy.unavailable),
    "rollout.bake": spanWords(policy.bakeMs),
    "rollout.drain": spanWords(policy.drainMs),
    "rollout.keepWarm": spanWords(policy.keepWarmMs),
    "rollout.progressDeadline": spanWords(policy.progressDeadlineMs),
    "rollout.onFailure": policy.onFailure,
    "drift.response": drift.response,
    "drift.maxConcurrent": concurrent(drift.maxConcurrent),
    "drift.ignore": drift.ignore.length === 0 ? "nothing" : drift.ignore.join(", "),
    "servers.maxAge": maxAgeMs === undefined ? "none" : spanWords(maxAgeMs),
  };
}

function concurrent(most: DriftPolicy["maxConcurrent"]): string {
  return "servers" in most ? String(most.servers) : `${Math.round(most.share * 1_000) / 10}%`;
}
