import type { Override, PolicyFile } from "../../../domain/policy/policy.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { policyTable } from "./operations.ts";

const policyFile: PolicyFile = {
  ...{ name: "policy.yaml", text: "policies: {}", setAtMs: 1, setBy: "ada" },
  rules: [
    { kind: "reason", environment: "*", line: 2 },
    {
      ...{ kind: "allow", environment: "production", line: 4 },
      window: { days: [1, 2], from: "09:00", to: "16:00", zone: "Europe/Berlin" },
    },
    {
      ...{ kind: "deny", environment: "production", line: 5 },
      window: { from: "2026-12-23 18:00", to: "2027-01-04 08:00", zone: "UTC" },
    },
  ],
};

const freeze = {
  ...{ id: 3, environment: "production", service: undefined, reason: "incident 12", by: "ada" },
  ...{ fromMs: 5, untilMs: 9 },
};

const override: Override = {
  ...{ rollout: 7, service: "shop", by: "ada", person: { id: "uid 1000", name: "ada" } },
  ...{ reason: "it burns", atMs: 5, against: ["ada has frozen production (freeze 3)"], review: undefined },
};

const service = "shop";

/** What they are asked, at least once each. */
export const policyAsked: AskedOf<typeof policyTable> = {
  policies: [{}],
  calendar: [{}],
  setPolicy: [{ name: "policy.yaml", text: "policies: {}", reason: "the holidays" }],
  removePolicy: [{}, { reason: "none is needed" }],
  freeze: [
    { environment: "production", forMs: 3_600_000, reason: "incident 12" },
    { service, reason: "it moves" },
  ],
  unfreeze: [{ id: 3 }, { environment: "production", reason: "it is over" }],
  approve: [{ plan: `sha256:${"a".repeat(64)}`, reason: "I have seen it" }],
  testPolicy: [{ name: "policy.yaml", text: "policies: {}" }],
  review: [{ rollout: 7, reason: "It was right." }],
};

/** Full values. */
export const policyAnswered: OperationsOf<typeof policyTable> = {
  policies: async () => ({ file: policyFile, freezes: [freeze], overrides: [override] }),
  calendar: async () => [
    {
      ...{ service: "shop.production", environment: "production" },
      stretches: [
        { fromMs: 1, untilMs: 5, shut: [] },
        { fromMs: 5, untilMs: 9, shut: [{ kind: "freeze", place: "freeze 3", because: "incident 12" }] },
      ],
    },
  ],
  setPolicy: async () => policyFile,
  removePolicy: async () => {},
  freeze: async () => ({ ...freeze, services: ["shop.production"] }),
  unfreeze: async () => [freeze],
  approve: async () => ({ by: "ben", person: { id: "uid 1001", name: "ben" }, atMs: 5 }),
  testPolicy: async () => [
    {
      ...{ rollout: 7, service: "shop.production", atMs: 5, by: "ada" },
      refused: [{ kind: "reason", mode: "enforce", passed: false, because: "no reason is given" }],
    },
  ],
  review: async ({ rollout }) => ({
    ...override,
    rollout,
    review: { by: "ben", reason: "It was right.", atMs: 9 },
  }),
};
