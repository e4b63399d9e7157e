import type { Asker } from "../../domain/access/actor.ts";
import { serviceKey } from "../../domain/ids.ts";
import { refusing } from "../../domain/policy/admission.ts";
import type { PromotionCandidate } from "../../domain/policy/candidate.ts";
import { environmentOf } from "../../domain/policy/policy.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { verdictOn } from "../changes/admission.ts";
import { chosen } from "../changes/promotion.ts";
import type { Operations } from "../operations.ts";

type Rung = Awaited<ReturnType<Operations["ladders"]>>[number];
type Standing = Omit<Rung, "next" | "because">;
type Climb = Pick<Rung, "next" | "because">;

/** At the foot nothing is promoted: a deploy brings it there. */
const nothing: Climb = { next: undefined, because: undefined };

/** The rungs of every ladder that has a candidate, ladder by ladder: what serves there, and what may climb there now. */
export function rungsOf(store: Store, by: Asker, nowMs: number): Rung[] {
  const all = Map.groupBy(store.policies.candidates(undefined), ({ service }) => service);
  return [...all]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, candidates]) =>
      // The newest first: its ladder is the one that counts.
      (candidates[0]?.ladder ?? []).map((environment, n) => {
        const rung = rungNow(store, candidates, environment);
        return n === 0 ? { ...rung, ...nothing } : { ...rung, ...climbTo(store, rung, by, nowMs) };
      }),
    );
}

function rungNow(store: Store, candidates: readonly PromotionCandidate[], environment: string): Standing {
  const ladder = candidates[0]?.service ?? "";
  const service = serviceKey(ladder, environment);
  const { serving: number, releases, rollout } = store.desired(service) ?? {};
  const release = number === undefined ? undefined : releases?.get(number);
  const index = candidates.findIndex(({ image }) => image === release?.image);
  return {
    ...{ ladder, environment, service, rollout: rollout?.id },
    serving: release && {
      ...{ release: release.number, version: release.version, image: release.image },
      ...{ createdAtMs: release.createdAtMs, by: release.createdBy },
    },
    candidate: candidates[index]?.id,
    newer: index < 0 ? undefined : index,
  };
}

/** What a promotion without a candidate's number would take, or why it would take none. */
function climbTo(store: Store, rung: Standing, by: Asker, nowMs: number): Climb {
  const { service, serving, rollout } = rung;
  if (rollout !== undefined) return stays(`Rollout ${rollout} is under way.`);
  try {
    const { candidate } = chosen(store, { service });
    const { id, image, version, rungs } = candidate;
    const network = rungs[environmentOf(service)]?.draft.network;
    if (image === serving?.image) return stays("It has what serves below.");
    const admission = verdictOn(store, { service, by, breakGlass: false, image, network, nowMs });
    // A reason is given with the promotion.
    const refused = refusing(admission?.rules ?? []).filter(({ kind }) => kind !== "reason");
    return { next: { candidate: id, version, refused: [...refused] }, because: undefined };
  } catch (error) {
    if (error instanceof KilnError && error.code === "candidate_unknown") return stays(error.message);
    throw error;
  }
}

function stays(because: string): Climb {
  return { next: undefined, because };
}
