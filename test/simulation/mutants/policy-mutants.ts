import type { Approval, PolicyFile, PolicyRule } from "../../../src/domain/policy/policy.ts";
import { KilnError } from "../../../src/lib/errors.ts";
import type { PolicyStore } from "../../../src/store/policy/policies.ts";
import type { Store } from "../../../src/store/store.ts";
import { decideByTime } from "../../../src/trust/policy/decide.ts";
import type { Mutant } from "./mutants.ts";

/** Bugs of policies, each in runs that have some. */
export const policyMutants: Readonly<Record<string, Mutant>> = {
  "windows are read as times of UTC": {
    caughtBy: "no-deploy-begins-outside-a-window",
    policies: "windows",
    store: withRules((rule) => {
      if (rule.kind !== "allow" && rule.kind !== "deny") return rule;
      return { ...rule, window: { ...rule.window, zone: "UTC" } };
    }),
  },
  "a window that allows is taken for one that denies": {
    caughtBy: "what-may-begin-begins",
    policies: "windows",
    store: withRules((rule) => (rule.kind === "allow" ? { ...rule, kind: "deny" } : rule)),
  },
  "a reason that is required may be missing": {
    caughtBy: "no-deploy-begins-without-a-reason",
    policies: "windows",
    store: withRules((rule) => (rule.kind === "reason" ? undefined : rule)),
  },
  "everyone who approves is someone else": {
    caughtBy: "no-deploy-begins-unapproved",
    policies: "approvals",
    store: withApprovals((approvals) =>
      approvals.map((one, n) => ({ ...one, person: { id: `person ${n}`, name: `person ${n}` } })),
    ),
  },
  "an approval counts for ever": {
    caughtBy: "no-deploy-begins-unapproved",
    policies: "approvals",
    store: withApprovals((approvals, nowMs) => approvals.map((one) => ({ ...one, atMs: nowMs }))),
  },
  "an approval counts for whatever is planned": {
    caughtBy: "no-deploy-begins-unapproved",
    policies: "approvals",
    store: (store) => {
      const plans = new Set<string>();
      const approvals = () => [...plans].flatMap((plan) => store.policies.approvals(plan));
      const approve: PolicyStore["approve"] = (what, by) => {
        plans.add(what.plan);
        return store.policies.approve(what, by);
      };
      return withPolicies(store, { approvals, approve });
    },
  },
  "more begins than was approved": {
    caughtBy: "what-was-approved-begins",
    policies: "approvals",
    store: (store) => ({
      ...store,
      startDeploy: (start) =>
        store.startDeploy(start.admission?.plan === undefined ? start : { ...start, count: start.count + 1 }),
    }),
  },
  "who breaks the glass gives no reason": {
    caughtBy: "break-glass-is-on-record",
    policies: "windows",
    store: (store) => ({
      ...store,
      startDeploy: (start) => store.startDeploy({ ...start, by: silent(start.by) }),
    }),
  },
  "people review what they began themselves": {
    caughtBy: "no-review-of-ones-own",
    policies: "windows",
    store: (store) =>
      withPolicies(store, {
        review: (rollout, reason) => {
          const actor = { via: "socket", name: "no one", uid: 65534 } as const;
          return store.policies.review(rollout, reason, { actor });
        },
      }),
  },
  "a rollback waits for a window": {
    caughtBy: "rollbacks-never-wait",
    policies: "windows",
    store: (store, now) => ({
      ...store,
      startRollback: (start) => {
        if (isShut(store, start.service, now()))
          throw new KilnError("policy_refused", "The window is closed.");
        return store.startRollback(start);
      },
    }),
  },
  "a server that has drifted waits for a window": {
    caughtBy: "comes-to-rest",
    policies: "windows",
    store: (store, now) => ({
      ...store,
      desired: (service) => {
        const desired = store.desired(service);
        return desired && isShut(store, service, now()) ? { ...desired, taints: [] } : desired;
      },
    }),
  },
  "what was admitted stands still while a window is closed": {
    caughtBy: "no-rollout-is-stuck",
    policies: "windows",
    store: (store, now) => ({
      ...store,
      desired: (service) => {
        const desired = store.desired(service);
        const rollout = desired?.rollout;
        if (rollout === undefined || !isShut(store, service, now())) return desired;
        return { ...desired, rollout: { ...rollout, phase: "paused" } } as typeof desired;
      },
    }),
  },
};

function withPolicies(store: Store, other: Partial<PolicyStore>): Store {
  return { ...store, policies: { ...store.policies, ...other } };
}

function withRules(other: (rule: PolicyRule) => PolicyRule | undefined): NonNullable<Mutant["store"]> {
  return (store) => {
    const file = (): PolicyFile | undefined => {
      const is = store.policies.file();
      return is && { ...is, rules: is.rules.flatMap((rule) => other(rule) ?? []) };
    };
    return withPolicies(store, { file });
  };
}

function withApprovals(
  other: (approvals: readonly Approval[], nowMs: number) => readonly Approval[],
): NonNullable<Mutant["store"]> {
  return (store, now) =>
    withPolicies(store, { approvals: (plan) => other(store.policies.approvals(plan), now()) });
}

function silent<By extends { readonly reason?: string | undefined }>(by: By): By {
  return { ...by, reason: undefined };
}

function isShut({ policies }: Store, service: string, nowMs: number): boolean {
  const standing = { file: policies.file(), freezes: [] };
  return decideByTime({ service, nowMs }, standing).some(({ passed }) => !passed);
}
