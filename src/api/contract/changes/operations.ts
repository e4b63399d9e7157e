import type { ContractEntry } from "../entry.ts";

/** The part of the table about changes of a service. */
export const changesTable = {
  /** Whether a deploy can begin, before its image takes minutes to build; `deploy` checks again. Throws `target_unreachable`, `platform_unusable` or what else its target lacks (`not_root`), and what `deploy` throws, except for the image's errors, and `rollout_running` unless the running rollout leads to the same draft apart from the image. */
  check: {
    method: "POST",
    path: "/v1/services/:service/check",
    needs: "deploy service",
    summary: "Refuses what a deploy would refuse, before there is an image; changes nothing.",
    asks: "Check",
    answers: "Checked",
  },
  /** Servers get the newest version of each secret. Throws `rollout_running`, `image_unknown`, `image_refused`, `policy_refused`, `target_unknown`, `target_fixed`, `port_taken`, `traffic_conflict`, `version_taken`, `jobs_unsupported`, `network_unsupported`, `secret_missing`, `secret_invalid`, `secret_key_invalid`, `secret_corrupt`. */
  deploy: {
    method: "POST",
    path: "/v1/services/:service/deploy",
    needs: "deploy service",
    summary: "Makes a release from the draft, unless an equal one serves, and starts its rollout.",
    asks: "Deploy",
    answers: "Accepted",
  },
  /** Throws what `deploy` throws, and `candidate_unknown`. */
  promotion: {
    method: "POST",
    path: "/v1/services/:service/promotion",
    needs: "deploy service",
    summary: "Deploys a candidate's image to an environment further up its ladder, as recorded for it.",
    asks: "Promotion",
    answers: "Accepted",
  },
  candidates: {
    method: "GET",
    path: "/v1/candidates",
    needs: "view repositories",
    summary: "Candidates, the newest first, and where they serve.",
    asks: "OfService",
    answers: "Candidates",
  },
  ladders: {
    method: "GET",
    path: "/v1/ladders",
    needs: "view services",
    byWhom: true,
    summary: "What serves on each rung of every ladder, and what the one who asks could promote to it now.",
    asks: "Nothing",
    answers: "Rungs",
  },
  /** Throws what that change would throw, except `expectation_failed`. */
  plan: {
    method: "POST",
    path: "/v1/services/:service/plan",
    needs: "steer service",
    summary: "What a change of the service would do now; changes nothing.",
    asks: "Plan",
    answers: "ChangePlan",
  },
  /** Throws `service_unknown`, `release_unknown`, `rollback_impossible`, `image_refused`, `rollout_running`. */
  rollback: {
    method: "POST",
    path: "/v1/services/:service/rollback",
    needs: "steer service",
    summary: "Starts a rollout back to a kept release.",
    asks: "Rollback",
    answers: "Accepted",
  },
  /** Its servers come up there and wait: `promote` hands the service over, `abort` leaves it where it is. Throws `move_impossible`, `target_unknown`, and what `deploy` throws. */
  move: {
    method: "POST",
    path: "/v1/services/:service/move",
    needs: "deploy service",
    summary: "Moves a service to another target; it is handed over when someone promotes that.",
    asks: "Move",
    answers: "Accepted",
  },
  /** What may still run on a dead target that it has left holds up nothing any more. Throws `move_impossible`, `target_unknown`, `rollout_running`. */
  giveUp: {
    method: "POST",
    path: "/v1/services/:service/give-up",
    needs: "deploy service",
    summary: "Gives up a dead target that the service has left; what is left there goes when it answers.",
    asks: "GiveUp",
    answers: "Accepted",
  },
  scale: {
    method: "POST",
    path: "/v1/services/:service/scale",
    needs: "steer service",
    summary: "Changes the number of servers of the same release.",
    asks: "Scale",
    answers: "Accepted",
  },
  /** Resolves when it is recorded. */
  remove: {
    method: "POST",
    path: "/v1/services/:service/remove",
    needs: "operate service",
    summary: "Removes the service. The removal is complete when its status is 404.",
    asks: "ChangeService",
  },
} as const satisfies Record<string, ContractEntry>;
