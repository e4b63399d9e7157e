import fc from "fast-check";
import { expect, test } from "vitest";
import type { ServerObservation, ServerState } from "../observation.ts";
import type { Action } from "../rollout/actions.ts";
import { applyChange } from "../rollout/record.ts";
import type { DesiredService } from "../rollout/rollout.ts";
import { aFailure, aGroup, aPolicy, aRollout, aService, aView, minute } from "../testing.ts";
import { planService } from "./plan.ts";
import type { ServiceView } from "./service-view.ts";

/** A world in which servers take their time, end, and forget; actions happen in part when the controller is killed. */
interface World {
  desired: DesiredService | undefined;
  view: ServiceView;
  nowMs: number;
}

type Move =
  | { readonly kind: "pass"; readonly killedAfter: number }
  | { readonly kind: "tick"; readonly ms: number }
  | { readonly kind: "ready"; readonly pick: number }
  | { readonly kind: "exit"; readonly pick: number }
  | { readonly kind: "forget" }
  | { readonly kind: "abort" };

const policies = fc.record({
  strategy: fc.constantFrom("rolling" as const, "blue-green" as const),
  surge: fc.integer({ min: 1, max: 3 }),
  unavailable: fc.integer({ min: 0, max: 2 }),
  keepWarmMs: fc.constantFrom(0, 5 * minute),
  bakeMs: fc.constantFrom(0, 10_000),
});

const calm: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), killedAfter: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant("tick" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
  { weight: 30, arbitrary: fc.record({ kind: fc.constant("ready" as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "forget" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "abort" as const }) },
);
const rough: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: calm },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("exit" as const), pick: fc.nat(50) }) },
);

function begin(policy: Partial<ReturnType<typeof aPolicy>>, count: number): World {
  const full = aPolicy(policy);
  const states = Array.from({ length: count }, () => "ready" as const);
  return {
    desired: aService({ count, serving: 1, rollout: aRollout({ policy: full }, count) }),
    view: aView(aGroup(1, states, { share: 1 })),
    nowMs: 1,
  };
}

test("while no server ends by itself, capacity never falls below what the policy allows", () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 6 }),
      fc.array(calm, { minLength: 80, maxLength: 120 }),
      (policy, count, moves) => {
        const world = begin(policy, count);
        const allowed = Math.max(1, count - (policy.strategy === "rolling" ? policy.unavailable : 0));
        for (const move of moves) {
          make(world, move);
          expect(serving(world)).toBeGreaterThanOrEqual(allowed);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("the planner never takes away the last server that serves", () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 6 }),
      fc.array(rough, { minLength: 80, maxLength: 120 }),
      (policy, count, moves) => {
        const world = begin(policy, count);
        for (const move of moves) {
          const before = serving(world);
          make(world, move);
          if (move.kind === "pass" && before > 0) expect(serving(world)).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test("every run ends in a state from which there is nothing left to do", () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 0, max: 6 }),
      fc.array(rough, { maxLength: 60 }),
      (policy, count, moves) => {
        const world = begin(policy, count);
        for (const move of moves) make(world, move);
        settle(world);
        expect(world.desired?.rollout).toBeUndefined();
        expect(serving(world)).toBe(count);
        const present = [...world.view.groups.values()].filter((g) => g.servers.length > 0);
        expect(present.map((g) => g.release)).toEqual(count === 0 ? [] : [world.desired?.serving]);
      },
    ),
    { numRuns: 400 },
  );
});

/** Lets every server become ready and time pass until the plan is empty for good. */
function settle(world: World): void {
  for (let i = 0; i < 400 && !isAtRest(world); i++) {
    make(world, { kind: "pass", killedAfter: 99 });
    for (let pick = 0; pick < 30; pick++) make(world, { kind: "ready", pick });
    make(world, { kind: "tick", ms: 15_000 });
  }
}

/** Nothing is planned, and neither time nor a server that becomes ready will change that. */
function isAtRest({ desired, view, nowMs }: World): boolean {
  if (desired === undefined) return true;
  const { actions, wakeAtMs } = planService(desired, view, nowMs);
  const servers = [...view.groups.values()].flatMap((g) => g.servers);
  return actions.length === 0 && wakeAtMs === undefined && servers.every((s) => s.state === "ready");
}

/** Ready servers that the router gives traffic to. */
function serving({ view }: World): number {
  const groups = [...view.groups.values()].filter((g) => g.share > 0);
  return groups.reduce((sum, g) => sum + g.servers.filter((s) => s.state === "ready").length, 0);
}

function make(world: World, move: Move): void {
  if (move.kind === "pass") pass(world, move.killedAfter);
  if (move.kind === "tick") world.nowMs += move.ms;
  if (move.kind === "ready") change(world, move.pick, "starting", "ready");
  if (move.kind === "exit") change(world, move.pick, "ready", "starting");
  if (move.kind === "forget") mapGroups(world, (g) => ({ ...g, size: undefined }));
  if (move.kind === "abort") abort(world);
}

function pass(world: World, killedAfter: number): void {
  if (world.desired === undefined) return;
  const { actions, wakeAtMs } = planService(world.desired, world.view, world.nowMs);
  // A planner that does nothing and looks again at a time that has passed looks forever.
  if (actions.length === 0) expect(wakeAtMs ?? Number.POSITIVE_INFINITY).toBeGreaterThan(world.nowMs);
  for (const action of actions.slice(0, killedAfter)) act(world, action);
}

function abort(world: World): void {
  const rollout = world.desired?.rollout;
  if (world.desired === undefined || rollout?.phase !== "forward") return;
  const change = { kind: "turn-back", rollout: rollout.id, atMs: world.nowMs } as const;
  world.desired = applyChange(world.desired, change);
}

function act(world: World, action: Action): void {
  if (action.kind === "record" && world.desired !== undefined)
    world.desired = applyChange(world.desired, action.change);
  if (action.kind === "route") {
    const shares = new Map(action.shares.map((s) => [s.release, s.share]));
    const unknown = [...shares.keys()].filter((release) => !world.view.groups.has(release));
    const groups = new Map([...world.view.groups, ...unknown.map((n) => [n, aGroup(n, [])] as const)]);
    world.view = { ...world.view, groups, routed: shares.size > 0 };
    mapGroups(world, (g) => ({ ...g, share: shares.get(g.release) ?? 0 }));
  }
  if (action.kind === "resize") {
    const groups = new Map(world.view.groups);
    const group = groups.get(action.release) ?? aGroup(action.release, []);
    const kept = [...group.servers].sort((a, b) => Number(b.state === "ready") - Number(a.state === "ready"));
    const servers = kept.slice(0, action.size);
    while (servers.length < action.size)
      servers.push({ ...aServer(action.release, servers.length), sinceMs: world.nowMs });
    if (action.size === 0 && group.share === 0) groups.delete(action.release);
    else groups.set(action.release, { ...group, size: action.size, servers });
    world.view = { ...world.view, groups };
  }
}

function aServer(release: number, index: number): ServerObservation {
  const [server] = aGroup(release, ["starting"]).servers;
  if (server === undefined) throw new Error("a group of one has a server");
  return { ...server, id: `shop-${release}-${index + 1}-1` };
}

/** Brings one of the servers in state `from` into state `to`; a ready one that is no longer ready has failed. */
function change(world: World, pick: number, from: ServerState, to: ServerState): void {
  const servers = [...world.view.groups.values()].flatMap((g) => g.servers);
  const found = servers.filter((s) => s.state === from);
  const id = found[pick % Math.max(1, found.length)]?.id;
  if (id === undefined) return;
  const failures = from === "ready" ? [aFailure({ id, atMs: world.nowMs })] : [];
  const sinceMs = world.nowMs;
  mapGroups(world, (g) => {
    if (!g.servers.some((s) => s.id === id)) return g;
    const changed = g.servers.map((s) => (s.id === id ? { ...s, state: to, sinceMs } : s));
    return { ...g, servers: changed, failures: [...g.failures, ...failures] };
  });
}

function mapGroups(world: World, to: (group: ReturnType<typeof aGroup>) => ReturnType<typeof aGroup>): void {
  const groups = new Map([...world.view.groups].map(([release, group]) => [release, withTraffic(to(group))]));
  world.view = { ...world.view, groups };
}

/** The router gives a group's share to its ready servers. */
function withTraffic(group: ReturnType<typeof aGroup>): ReturnType<typeof aGroup> {
  const servers = group.servers.map((s) => ({ ...s, inTraffic: s.state === "ready" && group.share > 0 }));
  return { ...group, servers };
}
