import type { ContractEntry } from "../entry.ts";

/** The part of the table about one rollout, and steering it. */
export const rolloutsTable = {
  /** Throws `rollout_unknown`. */
  rollout: {
    method: "GET",
    path: "/v1/rollouts/:id",
    needs: "view rollout",
    summary: "One rollout.",
    asks: "OneRollout",
    answers: "Rollout",
  },
  /** Throws `rollout_none`. */
  abort: {
    method: "POST",
    path: "/v1/services/:service/abort",
    needs: "steer service",
    summary: "Rolls the running rollout back.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** Everything stays as it is until resumed. Throws `rollout_none`. */
  pause: {
    method: "POST",
    path: "/v1/services/:service/pause",
    needs: "steer service",
    summary: "Pauses the running rollout.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** Failures so far are forgiven. Throws `rollout_none`. */
  resume: {
    method: "POST",
    path: "/v1/services/:service/resume",
    needs: "steer service",
    summary: "Continues a paused rollout.",
    asks: "ChangeService",
    answers: "Rollout",
  },
  /** The step waits no longer, neither for its hold nor for a person. Throws `rollout_none`. */
  promote: {
    method: "POST",
    path: "/v1/services/:service/promote",
    needs: "steer service",
    summary: "Skips the rest of this step's hold, or approves a manual promotion.",
    asks: "ChangeService",
    answers: "Rollout",
  },
} as const satisfies Record<string, ContractEntry>;
