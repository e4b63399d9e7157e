import type { PolicyFile, PolicyRule } from "../../src/domain/policy/policy.ts";
import { readPolicy } from "../../src/spec/policy/read-policy.ts";
import { decide } from "../../src/trust/policy/decide.ts";
import type { Case } from "../case.ts";
import { figure } from "../figure.ts";

const zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"];
const decisionsOfRound = 500;

/** A hundred rules that all concern one service: windows in five zones, what it requires, approvals, a reason. */
const text = `policies:
  production:
    reason: required
    changes: ci-only
    approvals: {count: 2}
    requires: {${Array.from({ length: 17 }, (_, i) => `rung-${i}: 1h`).join(", ")}}
    windows:
${Array.from({ length: 40 }, (_, i) => `      - allow: {days: mon-thu, from: "09:${10 + i}", to: "16:00", zone: ${zones[i % 5]}}`).join("\n")}
${Array.from({ length: 40 }, (_, i) => `      - deny: {days: sun, from: "0${i % 10}:00", to: "20:00", zone: ${zones[i % 5]}}`).join("\n")}
`;

export const policyCase: Case = {
  name: "policy",
  about: "one decision whether a rollout may begin, by 100 rules",
  async run() {
    const rules: readonly PolicyRule[] = readPolicy("policy.yaml", text);
    if (rules.length !== 100) throw new Error(`there are ${rules.length} rules`);
    const file: PolicyFile = { name: "policy.yaml", text, rules, setAtMs: 0, setBy: "ada" };
    const approval = { by: "ben", person: { id: "uid 1001", name: "ben" } };
    const starting = (nowMs: number) => ({
      ...{ service: "shop.production", nowMs, reason: "it is time", image: "sha256:1", plan: "sha256:2" },
      ...{ person: { id: "uid 1000", name: "ada" }, pipeline: true },
      beginner: { kind: "pipelines", names: ["shop-ci"] } as const,
    });
    const policies = (nowMs: number) => ({
      ...{ file, freezes: [], approvals: () => [{ ...approval, atMs: nowMs }] },
      soak: () => ({ longestMs: 7_200_000, serves: true, spoiled: undefined }),
    });
    /** `firstMs`: the decisions are a minute apart from there on. */
    const round = (firstMs: number) => {
      const before = process.cpuUsage();
      for (let i = 0; i < decisionsOfRound; i++) {
        const nowMs = firstMs + i * 60_000;
        decide(starting(nowMs), policies(nowMs));
      }
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000 / decisionsOfRound;
    };
    const open = Date.parse("2026-11-30T06:00Z");
    const closed = Date.parse("2026-11-29T12:00Z");
    round(open);
    return [
      figure(
        "policy decision, 100 rules (CPU time)",
        "ms",
        1,
        Array.from({ length: 7 }, () => round(open)),
      ),
      figure(
        "the same, refused, with when it may begin",
        "ms",
        1,
        Array.from({ length: 7 }, () => round(closed)),
      ),
    ];
  },
};
