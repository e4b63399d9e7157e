import { describe, expect, test } from "vitest";
import type { AnalysisSpec } from "../spec/rollout-policy.ts";
import { latencyBoundsMs } from "../traffic/latency.ts";
import type { ReleaseTraffic } from "../traffic/traffic.ts";
import { compare, worstOf } from "./analysis.ts";

const spec: AnalysisSpec = { minRequests: 50, maxErrorRate: 0.01, maxLatencyRatio: 1.5, intervalMs: 10_000 };

/** Counts of a release whose answers all took at most `ms`. */
function traffic(release: number, requests: number, errors = 0, ms = 22): ReleaseTraffic {
  const latency = [...latencyBoundsMs, Number.POSITIVE_INFINITY].map((bound) =>
    bound === ms ? requests : 0,
  );
  return { service: "shop", release, requests, errors, latency };
}

describe("comparing the new release with the old one", () => {
  test.each([
    ["as good", traffic(1, 1000), traffic(2, 100), "pass"],
    ["too few requests", traffic(1, 1000), traffic(2, 49), "inconclusive"],
    ["none at all", traffic(1, 1000), undefined, "inconclusive"],
    ["more errors than allowed", traffic(1, 1000), traffic(2, 100, 2), "fail"],
    ["errors that the old one has as well", traffic(1, 1000, 50), traffic(2, 100, 5), "pass"],
    ["slower", traffic(1, 1000, 0, 22), traffic(2, 100, 0, 47), "fail"],
    ["faster", traffic(1, 1000, 0, 47), traffic(2, 100, 0, 5), "pass"],
    ["no old one to compare with", undefined, traffic(2, 100), "pass"],
  ] as const)("%s", (_, old, fresh, outcome) => {
    expect(compare(spec, old, fresh)).toMatchObject({ outcome });
  });

  test("a reason names the figures", () => {
    expect(compare(spec, traffic(1, 1000), traffic(2, 100, 5)).reason).toBe(
      "of 100 requests to the new release, 5 % failed (0 % of the old one's; 1 % more is allowed)",
    );
    expect(compare(spec, traffic(1, 1000), traffic(2, 100)).reason).toBe(
      "of 100 requests to the new release, 0 % failed (0 % of the old one's; 1 % more is allowed), and 95 % were answered within 22 ms (the old one's within 22 ms; up to 33 ms is allowed)",
    );
  });
});

test("one failure fails, an inconclusive one does not pass", () => {
  const [pass, fail, unknown] = (["pass", "fail", "inconclusive"] as const).map((outcome) => ({
    outcome,
    reason: outcome,
  }));
  if (!pass || !fail || !unknown) throw new Error("three findings");
  expect(worstOf([pass, unknown, fail]).outcome).toBe("fail");
  expect(worstOf([pass, unknown]).outcome).toBe("inconclusive");
  expect(worstOf([pass, pass]).outcome).toBe("pass");
});
