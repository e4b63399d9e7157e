import { longestReproductionMs } from "../../drift/session.ts";
import { earliest } from "../../earliest.ts";
import type { ReproductionObservation } from "../../observation.ts";
import type { Action, Plan } from "../../rollout/actions.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import type { ServiceView } from "../service-view.ts";

/** Only a person asks for a reproduction; the plan ends it. */
export function planReproductions(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  const { reproductions: copies = [] } = view;
  const actions = copies.flatMap((copy): readonly Action[] => {
    const reason = whyDestroy(desired, copy, nowMs);
    return reason === undefined
      ? []
      : [{ kind: "destroy", service: desired.service, server: copy.id, reason }];
  });
  return { actions, wakeAtMs: earliest(...copies.map(endOf).filter((atMs) => atMs > nowMs)) };
}

function whyDestroy(
  { removed, releases }: DesiredService,
  copy: ReproductionObservation,
  nowMs: number,
): string | undefined {
  if (removed) return "the service is being removed";
  if (!releases.has(copy.release)) return `release ${copy.release} is no longer known`;
  if (copy.state === "unstarted") return "it was not finished when the controller ended";
  return nowMs < endOf(copy) ? undefined : "it is a day old";
}

function endOf({ createdAtMs }: ReproductionObservation): number {
  return createdAtMs + longestReproductionMs;
}
