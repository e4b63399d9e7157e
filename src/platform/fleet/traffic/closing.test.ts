import { expect, test } from "vitest";
import { call, release, TestFleet } from "../../fake/testing.ts";

const one = release(1, { traffic: { mode: "http", listen: 8080, host: undefined } });

async function serving(): Promise<TestFleet> {
  const fleet = new TestFleet();
  await fleet.platform.resize({ release: one, drainMs: 0 }, 2, call);
  await fleet.untilReady(1, 2);
  await fleet.platform.route("shop", [{ release: 1, share: 1 }], [one], call);
  return fleet;
}

test("a way in that is closed leads the connections that are open to its servers, until those go", async () => {
  await using fleet = await serving();
  await fleet.platform.route("shop", [], [], call);
  expect(fleet.world.routes.get("shop")).toMatchObject({
    frontends: [{ listen: 8080, closed: true }],
    upstreams: [{ id: "shop-1-1-1" }, { id: "shop-1-2-1" }],
  });
  const { routed, addresses } = await fleet.platform.observe(call);
  expect([routed, addresses, (await fleet.group(1))?.share]).toEqual([[], [], 0]);
  await fleet.platform.resize({ release: one, drainMs: 0 }, 0, call);
  await fleet.clock.until(() => fleet.world.routes.size === 0);
});

test("the next controller finds it closed, and can open it again", async () => {
  await using fleet = await serving();
  await fleet.platform.route("shop", [], [], call);
  await fleet.restart();
  expect((await fleet.platform.observe(call)).routed).toEqual([]);
  expect(fleet.world.routes.get("shop")?.frontends).toMatchObject([{ closed: true }]);
  await fleet.platform.route("shop", [{ release: 1, share: 1 }], [one], call);
  expect(fleet.world.routes.get("shop")?.frontends.map(({ closed }) => closed)).toEqual([undefined]);
});
