import { describe, expect, test } from "vitest";
import { type DriftPolicy, defaultUpkeep } from "../../spec/upkeep-policy.ts";
import { aFinding, aService } from "../../testing.ts";
import { decide, fewestCarrying, mostAtOnce, type Situation, suspendedUntilMs } from "./drift-response.ts";

const policy = (overrides: Partial<DriftPolicy> = {}): DriftPolicy => ({
  ...defaultUpkeep.drift,
  ...overrides,
});
const situation = (overrides: Partial<Situation> = {}): Situation => {
  return { policy: policy(), carries: true, leaves: false, spare: 0, suspended: false, ...overrides };
};

describe("what follows from a finding", () => {
  test("a server that can be spared is taken out at once", () => {
    expect(decide(aFinding(), situation())).toEqual({ kind: "quarantine", wait: undefined });
  });

  test("one that cannot be spared waits; one without traffic need not", () => {
    const decision = decide(aFinding(), situation({ spare: -1 }));
    expect(decision).toMatchObject({ kind: "quarantine", wait: expect.stringContaining("could not carry") });
    expect(decide(aFinding(), situation({ spare: -1, carries: false }))).toMatchObject({ wait: undefined });
  });

  test("while too much drifts, nothing is taken out; nor what leaves anyway", () => {
    for (const why of [{ suspended: true }, { leaves: true }]) {
      const decision = decide(aFinding(), situation(why));
      expect(decision).toMatchObject({ kind: "quarantine", wait: expect.any(String) });
    }
  });

  test("a writable place that is full is reported, and leaves no mark that would hide what comes later", () => {
    expect(decide({ ...aFinding(), kind: "full" }, situation())).toEqual({ kind: "tell" });
  });

  test("a service that asks for reports gets no more", () => {
    expect(decide(aFinding(), situation({ policy: policy({ response: "report" }) }))).toEqual({
      kind: "report",
    });
  });

  test.each([
    ["mount", true],
    ["mount:/var/cache/*", true],
    ["mount:*/nginx", true],
    ["mount:/var/cache/nginx", true],
    ["mount:/var/*/nginx", true],
    ["mount:/var/cache", false],
    ["mount:/var/cache/nginx/*", false],
    ["mount:*cache/nginx*nginx", false],
    ["process", false],
  ])("ignoring %s", (entry, ignored) => {
    const finding = aFinding({ kind: "mount", subject: "/var/cache/nginx" });
    const { kind } = decide(finding, situation({ policy: policy({ ignore: [entry] }) }));
    expect(kind === "ignore").toBe(ignored);
  });
});

describe("how many must carry the traffic", () => {
  const fewest = (count: number, drift: Partial<DriftPolicy> = {}, rest = {}) =>
    fewestCarrying(aService({ count, upkeep: { drift: policy(drift) }, ...rest }));

  test("a tenth of them may be missing, but at least one, and never the last", () => {
    expect([0, 1, 2, 10, 25, 100].map((count) => fewest(count))).toEqual([0, 1, 1, 9, 23, 90]);
  });

  test("as many as the rollout may leave out, if that is more", () => {
    expect(fewest(10, {}, { unavailable: 4 })).toBe(6);
    expect(fewest(10, { maxConcurrent: { servers: 20 } })).toBe(1);
  });

  test("none where servers never run at the same time as their successors", () => {
    expect(fewest(1, {}, { alone: true })).toBe(0);
  });
});

describe("a burst of drift", () => {
  test("more than ten, or than a fifth of all servers, are too many at once", () => {
    expect([3, 50, 100].map(mostAtOnce)).toEqual([10, 10, 20]);
    const times = Array.from({ length: 11 }, (_, i) => 1000 + i);
    expect(suspendedUntilMs(times.slice(1), 3)).toBeUndefined();
    expect(suspendedUntilMs(times, 3)).toBe(1000 + 120_000);
    expect(suspendedUntilMs(times, 100)).toBeUndefined();
  });

  test("it lasts for as long as the burst continues", () => {
    const times = Array.from({ length: 30 }, (_, i) => i * 1000);
    expect(suspendedUntilMs(times, 3)).toBe(19_000 + 120_000);
  });
});
