import type { AnalysisSpec } from "../spec/rollout-policy.ts";
import { compareLatency } from "../traffic/latency.ts";
import type { TrafficCounts } from "../traffic/traffic.ts";
import type { Verdict } from "./rollout.ts";

type Finding = Omit<Verdict, "atMs">;

/** Compares the new release with the old one over the same span of time. Too small a sample is never a pass. */
export function compare(
  spec: AnalysisSpec,
  old: TrafficCounts | undefined,
  fresh: TrafficCounts | undefined,
): Finding {
  const requests = fresh?.requests ?? 0;
  if (fresh === undefined || requests < spec.minRequests) {
    return {
      outcome: "inconclusive",
      reason: `the new release had ${requests} of the ${spec.minRequests} requests that a verdict needs`,
    };
  }
  const parts = [
    compareErrors(spec, old, fresh),
    compareLatency(old?.latency ?? [], fresh.latency, spec.maxLatencyRatio),
  ];
  const outcome = worstOutcome(parts);
  const words = parts.filter((part) => part.outcome === outcome).map((part) => part.words);
  return { outcome, reason: `of ${requests} requests to the new release, ${words.join(", and ")}` };
}

interface Part {
  readonly outcome: Verdict["outcome"];
  readonly words: string;
}

function compareErrors(spec: AnalysisSpec, old: TrafficCounts | undefined, fresh: TrafficCounts): Part {
  const before = rateOf(old);
  const after = rateOf(fresh);
  return {
    outcome: after > before + spec.maxErrorRate ? "fail" : "pass",
    words: `${percent(after)} failed (${percent(before)} of the old one's; ${percent(spec.maxErrorRate)} more is allowed)`,
  };
}

function rateOf(traffic: TrafficCounts | undefined): number {
  return traffic === undefined || traffic.requests === 0 ? 0 : traffic.errors / traffic.requests;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** The worst of several findings: one failure fails, and an inconclusive one does not pass. */
export function worstOf(findings: readonly Finding[]): Finding {
  const outcome = worstOutcome(findings);
  const worst = findings.find((finding) => finding.outcome === outcome);
  if (worst !== undefined && outcome !== "pass") return worst;
  return { outcome, reason: findings.map((f) => f.reason).join("; ") };
}

function worstOutcome(parts: readonly Pick<Verdict, "outcome">[]): Verdict["outcome"] {
  const has = (outcome: Verdict["outcome"]) => parts.some((part) => part.outcome === outcome);
  if (has("fail")) return "fail";
  return has("inconclusive") ? "inconclusive" : "pass";
}
