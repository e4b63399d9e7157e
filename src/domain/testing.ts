import type { Asker } from "./access/actor.ts";
import type { Finding } from "./drift/drift.ts";
import type { TaintedServer } from "./drift/taint.ts";
import type { GroupObservation, ServerFailure, ServerState } from "./observation.ts";
import type { ServiceView } from "./plan/service-view.ts";
import type { Release } from "./rollout/release.ts";
import type { DesiredService, Rollout } from "./rollout/rollout.ts";
import { compileSteps } from "./rollout/steps.ts";
import type { RolloutPolicy } from "./spec/rollout-policy.ts";
import { defaultUpkeep } from "./spec/upkeep-policy.ts";
import { latencyBoundsMs } from "./traffic/latency.ts";

/** Builders of domain values for tests: each takes only what the test is about. */

export const second = 1000;
export const minute = 60 * second;

export function aPolicy(overrides: Partial<RolloutPolicy> = {}): RolloutPolicy {
  return {
    strategy: "rolling",
    steps: [],
    promote: "auto",
    surge: 1,
    unavailable: 0,
    bakeMs: 10 * second,
    drainMs: 30 * second,
    keepWarmMs: 5 * minute,
    progressDeadlineMs: 10 * minute,
    onFailure: "rollback",
    ...overrides,
  };
}

export function aRelease(number: number, overrides: Partial<Release> = {}): Release {
  return {
    service: "shop",
    number,
    createdAtMs: 0,
    createdBy: "ada@example",
    image: `sha256:${String(number).padStart(64, "0")}`,
    version: `1.${number}.0`,
    shape: { port: 8080, env: {}, memoryBytes: undefined, cpus: undefined, writable: [] },
    health: {
      check: { kind: "http", path: "/" },
      intervalMs: second,
      timeoutMs: second,
      ready: 2,
      unready: 3,
      deadlineMs: 5 * minute,
    },
    traffic: { mode: "http", listen: 8080, host: undefined },
    secrets: [],
    files: [],
    jobs: [],
    ...overrides,
  };
}

export function aService(overrides: Partial<DesiredService> = {}): DesiredService {
  return {
    service: "shop",
    target: "local",
    count: 3,
    releases: new Map([1, 2, 3].map((n) => [n, aRelease(n)])),
    serving: undefined,
    rollout: undefined,
    warm: [],
    drainMs: 30 * second,
    upkeep: defaultUpkeep,
    unavailable: 0,
    alone: false,
    taints: [],
    suspendedUntilMs: undefined,
    removed: false,
    ...overrides,
  };
}

export function aRollout(overrides: Partial<Rollout> = {}, count = 3): Rollout {
  const policy = overrides.policy ?? aPolicy();
  const from = "from" in overrides ? overrides.from : 1;
  return {
    id: 1,
    service: "shop",
    kind: "deploy",
    from,
    to: 2,
    policy,
    steps: compileSteps(policy, count, from === undefined),
    phase: "forward",
    step: 0,
    startedAtMs: 0,
    startedBy: "ada@example",
    movedAtMs: undefined,
    highestReady: 0,
    progressAtMs: 0,
    origin: undefined,
    changes: [],
    judgedFromMs: overrides.startedAtMs ?? 0,
    promoted: false,
    jobs: [],
    verdict: undefined,
    endedAtMs: undefined,
    reason: undefined,
    ...overrides,
  };
}

/** A group whose servers are in the given states, slot by slot. */
export function aGroup(
  release: number,
  states: readonly ServerState[],
  overrides: Partial<GroupObservation> = {},
): GroupObservation {
  const share = overrides.share ?? 0;
  const servers = states.map((state, i) => ({
    id: `shop-${release}-${i + 1}-1`,
    state,
    sinceMs: 0,
    createdAtMs: 0,
    address: "10.0.0.1",
    inTraffic: state === "ready" && share > 0,
    health: undefined,
  }));
  return {
    service: "shop",
    release,
    size: states.length,
    share,
    servers,
    remains: [],
    failures: [],
    failed: 0,
    ...overrides,
  };
}

export function aView(...groups: readonly GroupObservation[]): ServiceView {
  return {
    service: "shop",
    groups: new Map(groups.map((g) => [g.release, g])),
    routed: groups.some((g) => g.share > 0),
    split: "any",
    jobs: [],
  };
}

export function aFailure(overrides: Partial<ServerFailure> = {}): ServerFailure {
  return {
    id: "shop-2-1-1",
    release: 2,
    atMs: 1,
    kind: "exited",
    reason: "exited with code 1",
    probes: [],
    logTail: [],
    ...overrides,
  };
}

export function aFinding(overrides: Partial<Finding> = {}): Finding {
  return {
    server: "shop-1-1-1",
    service: "shop",
    release: 1,
    kind: "process",
    subject: "pid 4711",
    detail: "process 4711 (sh) is not one of its own",
    atMs: 1,
    who: undefined,
    seenBy: "trace",
    ...overrides,
  };
}

/** Of the server in that slot of release 1. */
export function aTaint(slot: number, overrides: Partial<TaintedServer> = {}): TaintedServer {
  const server = `shop-1-${slot}-1`;
  return {
    server,
    finding: aFinding({ server }),
    response: "replace",
    taintedAtMs: 1,
    takenAtMs: undefined,
    evidenceAtMs: undefined,
    evidence: undefined,
    held: false,
    ...overrides,
  };
}

/** Response times in ms as a router counts them: one count for each class. */
export function countsOf(timesMs: readonly number[]): readonly number[] {
  const counts = [...latencyBoundsMs, Number.POSITIVE_INFINITY].map(() => 0);
  for (const time of timesMs) {
    const fits = latencyBoundsMs.findIndex((bound) => Math.round(time) <= bound);
    const index = fits < 0 ? latencyBoundsMs.length : fits;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

/** Someone who asks, proved by nothing but the test. */
export function anAsker(name = "ada@example.com"): Asker {
  return { actor: { via: "socket", name, uid: 0 } };
}
