import { expect, test } from "vitest";
import { aServer, aStatus } from "../controller/services/testing.ts";
import { systemClock } from "../lib/time/clock.ts";
import type { Client, ServiceStatus } from "./api.ts";
import { cli } from "./test-kit.ts";

/** Removes shop, whose status is one of these after the other, 6 s apart, and then none. */
async function remove(...seen: readonly ServiceStatus[]): Promise<readonly string[]> {
  return (await removal(seen)).stderr.trim().split("\n");
}

function removal(seen: readonly ServiceStatus[]) {
  const left = [aStatus(), ...seen];
  const client: Partial<Client> = {
    services: async () => left.splice(0, 1),
    remove: async () => {},
    volumes: async () => [],
  };
  let elapsedMs = 0;
  const sleep = async () => {
    elapsedMs += 6_000;
  };
  const clock = { ...systemClock, elapsed: () => elapsedMs, sleep };
  return cli(["remove", "shop", "--yes"], { client, clock });
}

test("a wait says what holds it up, once, and every ten seconds what it waits for", async () => {
  const warnings = [{ message: "Destroying shop-2-1-1 fails: it is busy.", hint: "Wait." }];
  const going = aStatus({ removing: true, servers: [aServer({ state: "draining" })] });
  const failing = aStatus({ removing: true, servers: [], warnings });
  expect(await remove(going, going, going, failing, failing, failing)).toEqual([
    "Waiting for shop-2-1-1 (draining).",
    "Warning: Destroying shop-2-1-1 fails: it is busy. Wait.",
    "Waiting for the last remains of shop on the target local.",
  ]);
});

test("a wait for a target that cannot be seen says so, and ends after two minutes; one that answers again starts the time again", async () => {
  const trouble = { message: "It has not answered for 9 s.", hint: undefined, sinceMs: 0 };
  const unseen = aStatus({ removing: true, target: { name: "box", platform: "docker", trouble } });
  const seen = aStatus({ removing: true, servers: [] });
  const times = (count: number, status: ServiceStatus) => Array.from({ length: count }, () => status);
  const { code, stderr } = await removal(times(30, unseen));
  expect(code).toBe(1);
  expect(stderr).toContain("Waiting for the target box, which cannot be seen: It has not answered for 9 s.");
  expect(stderr).toContain("the controller continues with it when the target answers");
  const again = await removal([...times(15, unseen), seen, ...times(15, unseen)]);
  expect(again.code).toBe(0);
});
