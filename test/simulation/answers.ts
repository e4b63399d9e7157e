import { KilnError } from "../../src/lib/errors.ts";
import { injected } from "./seams.ts";

/** What people may be told: all of these are answers, not faults. */
const answers = new Set([
  "rollout_running",
  "rollout_none",
  "rollback_impossible",
  "release_unknown",
  "service_unknown",
  "service_removing",
  "traffic_conflict",
  "volume_invalid",
  "target_unreachable", // where a plan has to be made
]);

export function isAnswer(error: unknown): boolean {
  return error instanceof KilnError && (answers.has(error.code) || error.message.includes(injected));
}

/** Policies do not let a rollout begin. */
export function isPolicyRefusal(error: unknown): error is KilnError {
  return error instanceof KilnError && error.code === "policy_refused";
}
