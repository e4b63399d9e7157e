import { expect, test } from "vitest";
import { call, release, TestFleet } from "../../fake/testing.ts";
import { type Checked, sharedFailures } from "./shared-failure.ts";

const answer = "GET / answered 500";
const hint = expect.stringContaining("All of them fail alike");

test.each([
  ["one of two is healthy", [lost("shop", 0), healthy("shop")]],
  [
    "one of two has never been healthy",
    [lost("shop", 0), { ...healthy("shop"), state: "starting" as const }],
  ],
  ["there is only one", [lost("shop", 0)]],
  ["they failed long after each other", [lost("shop", 0), lost("shop", 10_000)]],
  ["nothing is asked of them", [lost("shop", 0, answer, "alive"), lost("shop", 0, answer, "alive")]],
])("no shared failure: %s", (_, servers) => {
  expect(sharedFailures(servers)).toEqual([]);
});

test("all servers of a service failed, for one reason or for several", () => {
  const message = `All 3 servers of shop failed their health checks within 2 s: ${answer}.`;
  const shop = [lost("shop", 0), lost("shop", 2000), lost("shop", 500)];
  const blog = healthy("blog");
  expect(sharedFailures([...shop, blog])).toEqual([{ service: "shop", message, hint }]);
  const several = ["d", "c", "b", "a"].map((words) => lost("shop", 0, words));
  expect(sharedFailures([...several, blog]).map((warning) => warning.message)).toEqual([
    "All 4 servers of shop failed their health checks within 0.1 s: a; b; c; and others.",
  ]);
});

test("what is on its way out, or kept as evidence, tells nothing", () => {
  const others = (["leaving", "quarantined"] as const).map((state) => ({ ...healthy("shop"), state }));
  expect(sharedFailures([lost("shop", 0), lost("shop", 0), ...others])).toHaveLength(1);
});

test("all servers of all services failed: that is reported once, of the machine", () => {
  const all = [lost("shop", 0), lost("shop", 100), lost("blog", 900)];
  expect(sharedFailures(all)).toEqual([
    {
      service: undefined,
      message: `All 3 servers of all 2 services failed their health checks within 0.9 s: ${answer}.`,
      hint: expect.stringContaining("most likely cause is the machine"),
    },
  ]);
  expect(sharedFailures([lost("shop", 0), lost("shop", 100), lost("blog", 60_000)])).toMatchObject([
    { service: "shop" },
  ]);
});

test("the fleet warns while all servers of a service fail, in the same words all the time", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 3);
  const warnings = async () => (await fleet.platform.observe(call)).warnings ?? [];
  const answerWith = (status: number, ...slots: readonly number[]) => {
    for (const slot of slots) fleet.world.behave(`shop-1-${slot}-1`, { status });
  };
  const untilReady = (count: number) =>
    fleet.clock.until(async () => (await fleet.ids(1, "ready")).length === count);
  answerWith(500, 1);
  await untilReady(2);
  expect(await warnings()).toEqual([]);
  answerWith(200, 1);
  await untilReady(3);
  answerWith(500, 1, 2, 3);
  await untilReady(0);
  const first = await warnings();
  expect(first).toMatchObject([{ service: "shop", message: expect.stringContaining(answer) }]);
  answerWith(404, 1, 2, 3);
  await fleet.clock.advance(5000);
  expect(await warnings()).toEqual(first);
  answerWith(200, 1, 2, 3);
  await untilReady(3);
  expect(await warnings()).toEqual([]);
});

function healthy(service: string): Checked {
  return {
    name: { service, release: 1, slot: 1, attempt: 1 },
    release: release(1),
    state: "ready",
    health: { phase: "ready", sinceMs: 0, countsFromMs: 0, streak: 0, recent: [] },
  };
}

function lost(service: string, atMs: number, words = answer, kind: "http" | "alive" = "http"): Checked {
  const check = kind === "alive" ? { kind } : { kind, path: "/" };
  return {
    ...healthy(service),
    release: release(1, { health: { ...release(1).health, check } }),
    state: "starting",
    health: {
      phase: "starting",
      sinceMs: atMs,
      countsFromMs: atMs,
      streak: 0,
      recent: [],
      lost: { atMs, words },
    },
  };
}
