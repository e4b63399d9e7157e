import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { freePort } from "../../src/lib/testing.ts";
import { install, waitUntil } from "./harness.ts";

interface Got {
  readonly id: string;
  readonly type: string;
  readonly isSigned: boolean;
}

/** A receiver that checks signatures as Standard Webhooks 1.0 says, at a port of its own. */
async function receiver(port: number, secret: string) {
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
