import fc from "fast-check";
import { expect, test } from "vitest";
import { call, release, TestFleet } from "../fake/testing.ts";
import { parseServerId } from "./server-id.ts";

/** The real fleet over a fake world that fails, loses answers and ends servers, with controllers that die at any time. */
const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("resize" as const),
      release: fc.integer({ min: 1, max: 2 }),
      size: fc.nat(4),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("route" as const), release: fc.integer({ min: 1, max: 2 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 40, 300, 3000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("fault" as const),
      operation: fc.constantFrom(
        "create",
        "retire",
        "stop",
        "destroy",
        "list",
        "apply",
        "router.observe",
        "open",
      ),
      fault: fc.constantFrom("fail" as const, "lose" as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("exit" as const), index: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

async function play(fleet: TestFleet, step: Event): Promise<void> {
  if (step.kind === "resize") await attempt(fleet.resize(step.release, step.size, 200));
  else if (step.kind === "route") await attempt(fleet.route([{ release: step.release, share: 1 }]));
  else if (step.kind === "wait") await fleet.clock.advance(step.ms);
  else if (step.kind === "fault") fleet.world.failNext(step.operation, 1, step.fault);
  else if (step.kind === "crash") await fleet.restart();
  else {
    const running = [...fleet.world.servers.values()].filter((s) => s.record.state === "running");
    const id = running[step.index % Math.max(1, running.length)]?.record.id;
    if (id !== undefined) fleet.world.exit(id, 1);
  }
}

/** The release that shall have the traffic has servers: otherwise those that have it keep it. */
const someServers = fc.integer({ min: 1, max: 3 });

/** A refused call is the controller's to repeat. */
async function attempt(called: Promise<void>): Promise<void> {
  await called.catch(() => {});
}

/** What no moment may show. */
function expectSafe(fleet: TestFleet): void {
  const running = [...fleet.world.servers.values()].filter((s) => s.record.state === "running");
  const addresses = running.map((s) => s.record.address);
  expect(new Set(addresses).size, "each server has an address of its own").toBe(addresses.length);
  for (const target of fleet.world.routes.get("shop")?.upstreams ?? []) {
    const holder = running.find((s) => s.record.address === target.address);
    const right = target.weight === 0 || holder === undefined || holder.record.id === target.id;
    expect(right, `traffic for ${target.id} goes to ${holder?.record.id}`).toBe(true);
  }
}

test("whatever fails, the fleet comes to what is wanted, and traffic never goes to the wrong server", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), someServers, fc.nat(3), async (steps, one, two) => {
      await using fleet = new TestFleet();
      fleet.world.behave("shop", { startMs: 20, readyMs: 30, stopMs: 30 });
      for (const step of steps) {
        await play(fleet, step);
        expectSafe(fleet);
      }
      await fleet.clock.advance(10_000); // planned faults that were not met yet are met here or below
      const sizes = [one, two];
      let done = false;
      for (let pass = 0; pass < 200 && !done; pass++) {
        for (const [i, size] of sizes.entries()) await attempt(fleet.resize(i + 1, size, 200));
        await attempt(fleet.route([{ release: 1, share: 1 }]));
        await fleet.clock.advance(500);
        expectSafe(fleet);
        done = await isAsWanted(fleet, sizes);
      }
      expect(done, "the fleet comes to what is wanted").toBe(true);
    }),
    { numRuns: 200 },
  );
}, 30_000);

async function isAsWanted(fleet: TestFleet, sizes: readonly number[]): Promise<boolean> {
  const observed = await fleet.platform.observe(call).catch(() => undefined);
  if (observed === undefined) return false;
  const ready = sizes.map((_, i) => {
    const servers = observed.groups.find((g) => g.release === i + 1)?.servers ?? [];
    return servers.every((s) => s.state === "ready") ? servers.length : -1;
  });
  const running = [...fleet.world.servers.values()].filter((s) => s.record.state === "running");
  const all = running.length === sizes.reduce((sum, size) => sum + size, 0);
  const takers = Object.entries(fleet.weights()).filter(([, weight]) => weight > 0);
  const routed = takers.every(([id]) => parseServerId(id)?.release === 1) && takers.length === sizes[0];
  return ready.every((count, i) => count === sizes[i]) && all && routed;
}

test("the same steps take the same course", async () => {
  const course = async () => {
    await using fleet = new TestFleet();
    fleet.world.behave("shop", { startMs: 20, readyMs: 30 });
    await fleet.serve(1, 3);
    fleet.world.exit("shop-1-2-1", 1);
    await fleet.platform.resize({ release: release(2), drainMs: 100 }, 2, call);
    await fleet.clock.advance(5000);
    return fleet.world.calls;
  };
  expect(await course()).toEqual(await course());
});
