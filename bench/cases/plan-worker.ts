import type { GroupObservation, Observation } from "../../src/domain/observation.ts";
import { plan } from "../../src/domain/plan/plan.ts";
import type { DesiredService } from "../../src/domain/rollout/rollout.ts";
import { aGroup, aRelease, aRollout, aService } from "../../src/domain/testing.ts";
import { serverId } from "../../src/platform/fleet/server-id.ts";
import type { Passes } from "./plan.ts";

const services = Array.from({ length: 1000 }, (_, i) => `service-${i + 1}`);
const serversEach = 10;
const passes = 20;
const nowMs = 60_000;

/** At rest: ten ready servers each, all as it has to be. */
function steady(service: string): DesiredService {
  return {
    ...aService({ service, count: serversEach, serving: 1 }),
    releases: new Map([[1, aRelease(1, { service })]]),
  };
}

/** In the middle of a rollout: five servers of each release. */
function rolling(service: string): DesiredService {
  const rollout = aRollout({ service }, serversEach);
  const releases = new Map([1, 2].map((n) => [n, aRelease(n, { service })]));
  return { ...aService({ service, count: serversEach, serving: 1, rollout }), releases };
}

function group(service: string, release: number, size: number, share: number): GroupObservation {
  const made = aGroup(release, Array<"ready">(size).fill("ready"), { service, share });
  const servers = made.servers.map((server, i) => ({
    ...server,
    id: serverId({ service, release, slot: i + 1, attempt: 1 }),
  }));
  return { ...made, servers };
}

function measure(desired: readonly DesiredService[], observed: Observation): readonly number[] {
  return Array.from({ length: passes }, () => {
    const beganAt = performance.now();
    plan(desired, observed, nowMs);
    return performance.now() - beganAt;
  });
}

const half = serversEach / 2;
const result: Passes = {
  steady: measure(services.map(steady), {
    groups: services.map((s) => group(s, 1, serversEach, 1)),
    routed: services,
  }),
  rolling: measure(services.map(rolling), {
    groups: services.flatMap((s) => [group(s, 1, half, 0.5), group(s, 2, half, 0.5)]),
    routed: services,
  }),
};
process.send?.(result);
