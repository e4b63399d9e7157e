import type { ContractEntry } from "../entry.ts";

/** The part of the table about what must hold before a rollout begins. */
export const policyTable = {
  policies: {
    method: "GET",
    path: "/v1/policy",
    needs: "self",
    summary: "What must hold before a rollout begins, and the rollouts that began against it.",
    asks: "Nothing",
    answers: "Policies",
  },
  calendar: {
    method: "GET",
    path: "/v1/policy/calendar",
    needs: "view services",
    summary: "When rollouts of deploys may begin in the next two weeks, by what windows and freezes say now.",
    asks: "Nothing",
    answers: "Calendar",
  },
  /** Throws `spec_invalid`, with each problem and its place. */
  setPolicy: {
    method: "POST",
    path: "/v1/policy",
    needs: "administer installation",
    summary: "Sets the policy file, in place of the one before: for rollouts that begin from then on.",
    asks: "SetPolicy",
    answers: "PolicyFile",
  },
  removePolicy: {
    method: "POST",
    path: "/v1/policy/remove",
    needs: "administer installation",
    summary: "Removes the policy file.",
    asks: "Because",
  },
  freeze: {
    method: "POST",
    path: "/v1/policy/freezes",
    needs: "operate installation",
    summary:
      "Lets no rollout of a deploy begin in an environment, of a service, or anywhere. Rollbacks and replacements continue.",
    asks: "Freeze",
    answers: "Frozen",
  },
  unfreeze: {
    method: "POST",
    path: "/v1/policy/freezes/lift",
    needs: "operate installation",
    summary: "Lifts freezes; answers with those that were lifted.",
    asks: "Unfreeze",
    answers: "FreezeList",
  },
  approve: {
    method: "POST",
    path: "/v1/policy/approvals",
    needs: "approve service",
    summary: "Says yes to exactly the plan with this digest, for policies that ask for approvals.",
    asks: "Approve",
    answers: "Approval",
  },
  /** Throws `spec_invalid`. */
  testPolicy: {
    method: "POST",
    path: "/v1/policy/test",
    needs: "view installation",
    summary: "What a policy file would have said of each recorded deploy; changes nothing.",
    asks: "TestPolicy",
    answers: "PolicyTest",
  },
  /** Throws `override_unknown`, `review_refused`. */
  review: {
    method: "POST",
    path: "/v1/policy/reviews/:rollout",
    needs: "approve rollout",
    summary: "Records that another person has looked at a rollout that began against policies.",
    asks: "Review",
    answers: "Override",
  },
} as const satisfies Record<string, ContractEntry>;
