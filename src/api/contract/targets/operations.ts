import type { ContractEntry } from "../entry.ts";

/** The part of the table about where services run. */
export const targetsTable = {
  /** `local` first. A target that does not answer costs some seconds, once. */
  targets: {
    method: "GET",
    path: "/v1/targets",
    needs: "view installation",
    summary: "Every target with what is on it.",
    asks: "Nothing",
    answers: "TargetStatusList",
  },
  /** Throws `target_unknown`. */
  target: {
    method: "GET",
    path: "/v1/targets/:target",
    needs: "view installation",
    summary: "One target, and what it lacks.",
    asks: "Target",
    answers: "TargetStatus",
  },
  /** Contacts nothing. Throws `target_invalid`, `target_taken`. */
  addTarget: {
    method: "POST",
    path: "/v1/targets/:target",
    needs: "local",
    summary: "Adds a target; services can be deployed to it from then on.",
    asks: "AddTarget",
  },
  /** Throws `target_unknown`, `target_in_use`. */
  removeTarget: {
    method: "POST",
    path: "/v1/targets/:target/remove",
    needs: "local",
    summary: "Removes a target that has no services.",
    asks: "RemoveTarget",
  },
} as const satisfies Record<string, ContractEntry>;
