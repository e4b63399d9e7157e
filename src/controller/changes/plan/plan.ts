import { forecast } from "../../../domain/forecast/forecast.ts";
import type { Observation } from "../../../domain/observation.ts";
import { viewOf } from "../../../domain/plan/service-view.ts";
import type { Admission } from "../../../domain/policy/admission.ts";
import type { DesiredService } from "../../../domain/rollout/rollout.ts";
import type { VolumeState } from "../../../domain/volume.ts";
import type { ChangePlan } from "../../operations.ts";
import { asksApproval } from "../admission.ts";
import type { Change, ChangeParts } from "../change.ts";
import { volumesThere } from "../data.ts";
import { finalReleaseOf, servingOf, type WantedService, wantedOf } from "../wanted.ts";
import { dataWords } from "./data-words.ts";
import { differences } from "./differences.ts";
import { manifestsOf } from "./manifests.ts";
import { namesakeWords } from "./namesakes.ts";
import { digestOfPlan } from "./plan-digest.ts";
import { platformWords } from "./platform-words.ts";
import { policyDifferences } from "./policy-differences.ts";

/** What a change would do now. Nothing is done. Throws what the change would throw. */
export async function planChange(
  parts: ChangeParts,
  change: Change<unknown>,
  { manifests = false }: { readonly manifests?: boolean | undefined } = {},
): Promise<ChangePlan> {
  await change.check?.();
  const { loop, platform } = parts.targets.at(change);
  const volumes = await volumesThere(platform, change.service, parts.call());
  const observed = await loop.observer.see();
  const plan = planNow(parts, change, observed, volumes);
  const words = await platformWords(parts, change, observed, plan.actions);
  return {
    ...plan,
    ...(words.length === 0 ? {} : { platform: words }),
    ...(manifests ? { manifests: [...(await manifestsOf(parts, change, plan.actions))] } : {}),
  };
}

/**
 * The same after its checks: the change is recorded for a moment and taken back, and the planner tells what would follow.
 * So a plan is made by the code that carries it out, and cannot differ from it. `volumes` are for what it says of data.
 */
export function planNow(
  { store, clock, targets }: ChangeParts,
  change: Change<unknown>,
  observed: Observation,
  volumes: readonly VolumeState[] = [],
): ChangePlan {
  const { service, record } = change;
  const { platform, target: place } = targets.at(change);
  const before = wantedOf(store, service, place.name);
  const rehearse = (plan?: string) =>
    store.rehearse((rehearsed) => {
      record(rehearsed, { rehearsed: true, plan });
      return wantedOf(rehearsed, service, place.name);
    });
  const after = rehearse();
  const view = viewOf(observed, service, platform.split);
  const future =
    after.desired === undefined
      ? { actions: [], peakServers: 0, fewestInTraffic: 0 }
      : forecast(after.desired, view, clock.now());
  const digest = digestOfPlan(place, before, after, future.actions);
  return {
    service,
    target: place.name,
    serving: servingOf(store.desired(service)),
    final: finalReleaseOf(after.desired)?.number,
    rollout: before.desired?.rollout,
    changes: change.changes ?? [
      ...changesOf(before, after),
      ...namesakeWords(store, service, finalReleaseOf(after.desired)),
    ],
    // What approvals say depends on the plan itself.
    admission: admissionOf(before, asksApproval(store, service) ? rehearse(digest) : after),
    ...future,
    ...(change.byHand === undefined ? {} : { byHand: [...change.byHand] }),
    data: dataWords(before, after, volumes),
    downtime: downtimeOf(before.desired, after.desired, future.fewestInTraffic),
    digest,
  };
}

/** One sentence for each difference: of the release, the number of servers, and how they are looked after. */
function changesOf(before: WantedService, after: WantedService): readonly string[] {
  const final = finalReleaseOf(after.desired);
  const serving = servingOf(before.desired);
  if (after.desired === undefined || before.desired === undefined || !before.policy || !after.policy)
    return final === undefined ? [] : differences(serving, final);
  const [from, to] = [before.desired.count, after.desired.count];
  return [
    ...(final === undefined ? [] : differences(serving, final)),
    ...(from === to ? [] : [`servers: ${from} -> ${to}`]),
    ...policyDifferences(
      { policy: before.policy, upkeep: before.desired.upkeep },
      { policy: after.policy, upkeep: after.desired.upkeep },
    ),
  ];
}

/** Of the release that a rollout begun by the change goes to. */
function admissionOf(before: WantedService, after: WantedService): Admission | undefined {
  const { rollout, releases } = after.desired ?? {};
  if (rollout === undefined || rollout.id === before.desired?.rollout?.id) return undefined;
  return releases?.get(rollout.to)?.admission;
}

function downtimeOf(
  before: DesiredService | undefined,
  after: DesiredService | undefined,
  fewestInTraffic: number,
): string {
  if (before?.serving === undefined || before.count === 0 || fewestInTraffic > 0) return "none";
  if (after === undefined || after.removed) return "from now on, because the service is removed";
  if (after.count === 0) return "from now on, because the service has no servers";
  const { rollout } = after;
  if (rollout?.from === undefined) return "until its servers are ready";
  const { from, to } = rollout;
  const [old, next] = rollout.phase === "back" ? [to, from] : [from, to];
  return `from the stop of release ${old} until release ${next} is ready`;
}
