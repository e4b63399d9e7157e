import { expect, test } from "vitest";
import { aServer, aStatus } from "../../../controller/services/testing.ts";
import { aFailure, aRelease } from "../../../domain/testing.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { Client, ServerStatus, ServiceStatus } from "../../api.ts";
import { cli } from "../../test-kit.ts";

const clock = { ...systemClock, now: () => 100 };
const server = (slot: number, state: ServerStatus["state"] = "ready") =>
  aServer({ id: `shop-2-${slot}-1`, state });

/** `kiln scale 3` where looks at the service find this, one after the other; `looks` counts those that `scale` took. */
async function scale(...looks: readonly Partial<ServiceStatus>[]) {
  const left = [...looks];
  let asked = 0;
  const client: Partial<Client> = {
    scale: async () => ({ service: "shop", release: 2, rollout: undefined, scaled: { from: 9, to: 3 } }),
    services: async () => {
      asked += 1;
      return [aStatus({ count: 3, ...(left.length > 1 ? left.shift() : left[0]) })];
    },
  };
  const ended = await cli(["scale", "3", "-s", "shop"], { client, clock });
  return { ...ended, looks: asked };
}

const three = [server(1), server(2), server(7)];

test("the end of a surplus server is not a failure", async () => {
  const surplus = [aFailure({ id: "shop-2-9-1", atMs: 120 })];
  const { code, stdout } = await scale(
    { servers: [server(1), server(2), server(3, "starting"), server(9, "starting")], failures: surplus },
    { servers: [...three, server(8, "draining")], failures: surplus },
    { servers: three, failures: surplus },
  );
  expect([code, stdout]).toEqual([0, "shop was scaled from 9 to 3 servers.\n"]);
});

test("with the wanted number ready, earlier failures do not matter", async () => {
  const failures = [aFailure({ id: "shop-2-3-1", atMs: 120 })];
  const { code } = await scale(
    { servers: [...three, server(8, "draining")], failures },
    { servers: three, failures },
  );
  expect(code).toBe(0);
});

test("a wanted server that fails before all are ready is reported at once", async () => {
  const missing = [server(1), server(2), server(3, "starting")];
  const failures = [aFailure({ id: "shop-2-3-1", atMs: 120 })];
  const { code, stderr } = await scale({ servers: missing, failures });
  expect([code, stderr]).toEqual([1, expect.stringContaining("[server_failed] shop-2-3-1 failed")]);
});

test("scale waits until the new servers have their part of the traffic", async () => {
  const unrouted = { servers: [...three.slice(1), { ...server(1), inTraffic: false }] };
  const { code, looks } = await scale(unrouted, unrouted, { servers: three });
  expect([code, looks]).toEqual([0, 3]);
});

test("the servers of a service that takes no traffic need none", async () => {
  const servers = three.map((s) => ({ ...s, inTraffic: false }));
  expect((await scale({ serving: { ...aRelease(2), traffic: undefined }, servers })).code).toBe(0);
});

test("scale does not wait for a server in quarantine", async () => {
  expect((await scale({ servers: [...three, server(8, "quarantined")] })).code).toBe(0);
});
