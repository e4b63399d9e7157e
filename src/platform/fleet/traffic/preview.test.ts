import { expect, test } from "vitest";
import { call, release, TestFleet } from "../../fake/testing.ts";

const traffic = { mode: "http", listen: 8080, preview: 8081, host: "shop.example.com" } as const;
const one = release(1, { traffic });
const two = release(2, { traffic });

/** Release 1 serves with two servers; one server of release 2 is ready. */
async function twoGroups(second = two): Promise<TestFleet> {
  const fleet = new TestFleet();
  await fleet.platform.resize({ release: one, drainMs: 0 }, 2, call);
  await fleet.untilReady(1, 2);
  await fleet.platform.route("shop", [{ release: 1, share: 1 }], [one], call);
  await fleet.platform.resize({ release: second, drainMs: 0 }, 1, call);
  await fleet.untilReady(2, 1);
  return fleet;
}

function behind(fleet: TestFleet): readonly string[] | undefined {
  return fleet.world.routes.get("shop_preview")?.upstreams.map((t) => t.id);
}

test("the port is open from the first traffic on, for any host, without a server", async () => {
  await using fleet = await twoGroups();
  expect(fleet.world.routes.get("shop_preview")).toMatchObject({
    frontends: [{ mode: "http", listen: 8081, host: undefined }],
    upstreams: [],
  });
});

test("it reaches only ready servers, as they come and go, and it takes none of the traffic", async () => {
  await using fleet = await twoGroups();
  await fleet.platform.preview("shop", two, call);
  expect([behind(fleet), (await fleet.group(2))?.previewed, (await fleet.group(1))?.previewed]).toEqual([
    ["shop-2-1-1"],
    true,
    undefined,
  ]);
  await fleet.platform.resize({ release: two, drainMs: 0 }, 2, call);
  await fleet.clock.until(async () => behind(fleet)?.length === 2);
  fleet.world.behave("shop-2-1-1", { status: 500 });
  await fleet.clock.until(async () => behind(fleet)?.join() === "shop-2-2-1");
  expect(fleet.weights()).toMatchObject({ "shop-1-1-1": 256, "shop-1-2-1": 256, "shop-2-2-1": 0 });
});

test("closing it takes nothing but its servers away", async () => {
  await using fleet = await twoGroups();
  await fleet.platform.preview("shop", two, call);
  const { frontends } = fleet.world.routes.get("shop_preview") ?? {};
  await fleet.platform.preview("shop", undefined, call);
  expect([fleet.world.routes.get("shop_preview")?.frontends, behind(fleet)]).toEqual([frontends, []]);
  expect((await fleet.group(2))?.previewed).toBeUndefined();
});

test("a new controller continues with what the preview reaches", async () => {
  await using fleet = await twoGroups();
  await fleet.platform.preview("shop", two, call);
  await fleet.restart();
  expect((await fleet.group(2))?.previewed).toBe(true);
  const { groups, routed } = await fleet.platform.observe(call);
  expect([routed, groups.map((g) => g.share)]).toEqual([["shop"], [1, 0]]);
  await fleet.clock.until(async () => behind(fleet)?.length === 1);
});

test("a router that lost it gets it back", async () => {
  await using fleet = await twoGroups();
  await fleet.platform.preview("shop", two, call);
  fleet.world.routes.clear();
  await fleet.platform.observe(call);
  await fleet.clock.until(async () => behind(fleet)?.length === 1);
});

test("a port that is taken is refused beforehand, and taken later it holds up nothing but the preview", async () => {
  const moved = release(2, { traffic: { ...traffic, preview: 9090 } });
  await using fleet = await twoGroups(moved);
  fleet.world.takenPorts.add(9090);
  await expect(fleet.platform.preflight?.(moved, call)).rejects.toMatchObject({ code: "port_taken" });
  await expect(fleet.platform.preview("shop", moved, call)).rejects.toMatchObject({ code: "port_taken" });
  expect((await fleet.group(2))?.previewed).toBeUndefined();
  await fleet.platform.route("shop", [{ release: 2, share: 1 }], [moved], call);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 0, "shop-1-2-1": 0, "shop-2-1-1": 256 });
  fleet.world.takenPorts.clear();
  await fleet.platform.observe(call);
  await fleet.clock.until(async () => fleet.world.routes.get("shop_preview")?.frontends[0]?.listen === 9090);
});

test("where the old release has its traffic, the new one has no preview; and its traffic may take the old preview's port", async () => {
  const swapped = release(2, { traffic: { ...traffic, host: undefined, listen: 8081, preview: 8080 } });
  await using fleet = await twoGroups(swapped);
  await fleet.platform.preflight?.(swapped, call);
  await expect(fleet.platform.preview("shop", swapped, call)).rejects.toMatchObject({
    code: "traffic_conflict",
  });
  await fleet.platform.route("shop", [{ release: 2, share: 1 }], [swapped], call);
  expect(fleet.world.routes.get("shop")?.frontends.map((d) => d.listen)).toEqual([8081]);
  await fleet.platform.observe(call);
  await fleet.clock.until(async () => fleet.world.routes.get("shop_preview")?.frontends[0]?.listen === 8080);
});

test("without a way in for the traffic there is no preview", async () => {
  await using fleet = await twoGroups();
  await fleet.platform.route("shop", [], [], call);
  const ways = [...fleet.world.routes.values()].flatMap(({ frontends }) => frontends);
  expect(ways.filter(({ closed }) => !closed)).toEqual([]);
});
