import type { Action } from "../../rollout/actions.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import { readyCount, type ServiceView } from "../service-view.ts";

/** Shares are weights of a router, and those are whole numbers. */
const allTraffic = 0.995;

/** Brings the preview port to the release that it is to reach; nothing when it is there already. */
export function planPreview(desired: DesiredService, view: ServiceView): readonly Action[] {
  const shown = [...view.groups.values()].find((g) => g.previewed)?.release;
  const release = previewedRelease(desired, view);
  if (release === shown) return [];
  const reason =
    release === undefined
      ? "there is no release to be tried before it has the traffic"
      : `release ${release} can be tried before it has the traffic`;
  return [{ kind: "preview", service: desired.service, release, reason }];
}

/**
 * The new release of a rollout that is on its way or paused, from its first ready server on until it has all the traffic.
 * Not the first release of a service, nor one that is brought back: those have the traffic as soon as they are ready.
 */
function previewedRelease(desired: DesiredService, view: ServiceView): number | undefined {
  const { rollout, releases, removed } = desired;
  if (removed || rollout === undefined || rollout.from === undefined) return undefined;
  const { kind, phase, to } = rollout;
  if (kind !== "deploy") return undefined;
  if (phase !== "forward" && phase !== "paused") return undefined;
  if (releases.get(to)?.traffic?.preview === undefined || readyCount(view, to) === 0) return undefined;
  return (view.groups.get(to)?.share ?? 0) < allTraffic ? to : undefined;
}
