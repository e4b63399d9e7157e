import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openStateFolder } from "../../src/lib/state-folder.ts";
import { freePort } from "../../src/lib/testing.ts";
import { systemClock } from "../../src/lib/time/clock.ts";
import { openStore } from "../../src/store/store.ts";
import { type Installation, install, lostDuring, waitUntil, whyNoServers } from "./harness.ts";
import { littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: webhooks during a rollout, because ${why}.`);

interface Got {
  readonly id: string;
  readonly type: string;
  readonly isSigned: boolean;
}

/** A receiver that checks signatures as Standard Webhooks 1.0 says, at a port of its own. It answers after `delayMs`. */
async function receiver(port: number, secret: string, delayMs = 0) {
  const got: Got[] = [];
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = request.headers;
    const mac = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
    got.push({
      id: `${id}`,
      type: JSON.parse(body).type,
      isSigned: `${signature}`.split(" ").includes(`v1,${mac}`),
    });
    if (delayMs > 0) await sleep(delayMs);
    response.writeHead(204).end();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    got,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("a receiver that is down gets every event once it is up, signed and in order, and old ones again when asked", async () => {
  await using kiln = await install();
  const port = await freePort();
  const input = `http://127.0.0.1:${port}/hook\n`;
  const made = await kiln.ok(["webhook", "add", "ci", "--kinds", "freeze.*", "--json"], { input });
  const { secret } = JSON.parse(made.stdout) as { readonly secret: string };
  await kiln.ok(["freeze", "production", "--reason", "incident 12", "--for", "1h"]);
  await kiln.ok(["unfreeze", "production"]);
  await waitUntil(
    async () => (await kiln.ok(["webhook", "ls"])).stdout.includes("failing"),
    60_000,
    "the failure is shown",
  );
  expect((await kiln.run(["webhook", "test", "ci"])).code).toBe(1);
  await kiln.ok(["controller", "stop"]);
  await using to = await receiver(port, secret);
  const settled = () =>
    waitUntil(
      async () => (await kiln.ok(["webhook", "ls"])).stdout.includes("up to date"),
      120_000,
      "all is delivered",
    );
  await settled();
  const kinds = ["dev.kiln.freeze.began", "dev.kiln.freeze.lifted"];
  expect(to.got.map(({ type }) => type)).toEqual(kinds);
  await kiln.ok(["webhook", "replay", "ci", "--from", "1"]);
  await waitUntil(async () => to.got.length === 4, 120_000, "both were sent again");
  expect(to.got.map(({ type }) => type)).toEqual([...kinds, ...kinds]);
  expect(to.got.every(({ isSigned }) => isSigned)).toBe(true);
  expect(to.got.slice(2).map(({ id }) => id)).toEqual(to.got.slice(0, 2).map(({ id }) => id));
});

/** Many events at once, as of many servers, while no controller runs. */
function writeEvents({ home }: Installation, count: number): void {
  const store = openStore(openStateFolder({ KILN_HOME: home }).database, { clock: systemClock });
  const news = Array.from({ length: count }, (_, i) => ({
    ...{ service: "shop", kind: "server.ready" as const, message: `shop-9-${i}-1 is ready` },
    data: { server: `shop-9-${i}-1`, release: 9 },
  }));
  store.recordServers(news, []);
  store.close();
}

test.skipIf(why !== undefined)(
  "a receiver that takes two seconds for each event, and one that is gone, hold up neither a rollout nor another receiver",
  async () => {
    await using kiln = await install();
    const shop = await littleService(kiln, "shop");
    const deploy = async (page: string) => {
      await shop.setPage(page);
      const beganMs = performance.now();
      await kiln.ok(["deploy"], { cwd: shop.folder });
      return performance.now() - beganMs;
    };
    await deploy("one");
    const aloneMs = await deploy("two");
    const add = async (name: string, port: number) => {
      const made = await kiln.ok(["webhook", "add", name, "--json"], {
        input: `http://127.0.0.1:${port}/\n`,
      });
      return (JSON.parse(made.stdout) as { readonly secret: string }).secret;
    };
    const [slowPort, fastPort, gonePort] = [await freePort(), await freePort(), await freePort()];
    await using slow = await receiver(slowPort, await add("slow", slowPort), 2_000);
    await using fast = await receiver(fastPort, await add("fast", fastPort));
    await add("gone", gonePort);
    await kiln.ok(["controller", "stop"]);
    const backlog = 3_000;
    writeEvents(kiln, backlog);
    const isFailing = async () => (await kiln.ok(["webhook", "ls"])).stdout.includes("failing");
    await waitUntil(isFailing, 60_000, "one of them is gone");

    let besideMs = 0;
    const work = async () => {
      besideMs = await deploy("three");
    };
    expect(await lostDuring(() => shop.page(), work)).toBe(0);
    expect(await shop.page()).toBe("three");
    // One event of the backlog alone takes the slow one two seconds.
    expect(besideMs).toBeLessThan(3 * aloneMs + 20_000);

    const isDone = () =>
      fast.got.some(({ type }) => type === "dev.kiln.rollout.completed") && fast.got.length > backlog;
    await waitUntil(isDone, 180_000, "the fast one has all of it");
    const ready = fast.got.filter(({ type }) => type === "dev.kiln.server.ready");
    expect(ready.length).toBeGreaterThan(backlog);
    expect(new Set(fast.got.map(({ id }) => id)).size).toBe(fast.got.length);
    expect(slow.got.length).toBeLessThan(backlog);
    for (const name of ["slow", "gone"]) await kiln.ok(["webhook", "rm", name]);
  },
);
