import { expect, test } from "vitest";
import { systemClock } from "../lib/time/clock.ts";
import type { Client, ServiceStatus } from "./api.ts";
import { aServer, aStatus, cli } from "./test-kit.ts";

/** Removes shop, whose status is one of these after the other, 6 s apart, and then none. */
async function remove(...seen: readonly ServiceStatus[]): Promise<readonly string[]> {
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
  const { stderr } = await cli(["remove", "shop", "--yes"], { client, clock });
  return stderr.trim().split("\n");
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
