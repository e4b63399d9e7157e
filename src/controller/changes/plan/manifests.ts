import type { Action } from "../../../domain/rollout/actions.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { PlannedCall } from "../../../platform/contract/platform.ts";
import { groupSpecOf } from "../../loop/group-spec.ts";
import type { ChangePlan } from "../../operations.ts";
import type { Change, ChangeParts } from "../change.ts";
import { type WantedService, wantedOf } from "../wanted.ts";

/**
 * The objects that the target's platform would be given until all actions are done, as they are then: what is there only on the way is left out.
 * Throws `manifests_unsupported`.
 */
export async function manifestsOf(
  { store, targets, call }: ChangeParts,
  change: Change<unknown>,
  actions: ChangePlan["actions"],
): Promise<readonly object[]> {
  const { service, record } = change;
  const { platform, target: place } = targets.at(change);
  if (platform.manifests === undefined)
    throw new KilnError(
      "manifests_unsupported",
      `The target ${place.name} (${place.platform}) is not given objects that could be printed.`,
      { hint: "`kiln plan` without `--manifests` shows what a deploy would do there." },
    );
  // Contents of files that a deploy brings are in the store only as long as it is recorded.
  const { planned, contents } = store.rehearse((rehearsed) => {
    record(rehearsed, { rehearsed: true });
    const calls = plannedCalls(wantedOf(rehearsed, service, place.name), actions);
    const digests = calls.flatMap(releasesIn).flatMap(({ files }) => files.map(({ digest }) => digest));
    return {
      planned: calls,
      contents: new Map(digests.map((digest) => [digest, rehearsed.content(digest)])),
    };
  });
  return platform.manifests(planned, contents, call());
}

function releasesIn(planned: PlannedCall) {
  if (planned.kind === "run-job") return [planned.order.release];
  return planned.kind === "resize" ? [planned.group.release] : [];
}

/** Of each group, of the traffic and of the preview the last one counts. */
function plannedCalls({ desired }: WantedService, actions: readonly Action[]): readonly PlannedCall[] {
  const isLast = (action: Action, index: number) =>
    action.kind === "run-job" ||
    !actions.slice(index + 1).some((later) => subjectOf(later) === subjectOf(action));
  return actions.filter(isLast).flatMap((action): readonly PlannedCall[] => {
    const releaseOf = (number: number | undefined) => desired?.releases.get(number ?? 0);
    switch (action.kind) {
      case "resize": {
        const release = releaseOf(action.release);
        if (desired === undefined || release === undefined || action.size === 0) return [];
        return [{ kind: "resize", group: groupSpecOf(desired, release, action), size: action.size }];
      }
      case "route": {
        const { service, shares } = action;
        const releases = shares.flatMap((one) => releaseOf(one.release) ?? []);
        return shares.length === 0 ? [] : [{ kind: "route", service, shares, releases }];
      }
      case "preview": {
        const release = releaseOf(action.release);
        return release === undefined ? [] : [{ kind: "preview", service: action.service, release }];
      }
      case "run-job": {
        const release = releaseOf(desired?.rollout?.to);
        const job = release?.jobs.find(({ name }) => name === action.job);
        if (release === undefined || job === undefined) return [];
        return [{ kind: "run-job", order: { release, rollout: action.rollout, job } }];
      }
      default:
        return [];
    }
  });
}

function subjectOf(action: Action): string {
  return action.kind === "resize" ? `resize ${action.release}` : action.kind;
}
