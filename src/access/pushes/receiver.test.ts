import { createHmac } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { createApi } from "../../api/routes/routes.ts";
import { fakeOperations } from "../../api/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { memoryFolder } from "../../lib/testing.ts";
import { aStore } from "../../store/testing.ts";
import { createAccess } from "../access.ts";

const local = { actor: { via: "socket", name: "root", uid: 0 } } as const;

/** A real API over TLS, and two services that follow one repository, of which `shop` has a webhook. */
async function aListener() {
  const folder = memoryFolder("kiln-pushes-");
  const opened = aStore();
  const { store, clock } = opened;
  clock.set(Date.now());
  const looked: string[] = [];
  const { operations: others } = fakeOperations();
  const access = createAccess({
    ...{ store, clock, log: silentLog, folder, operations: others },
    look: (service) => {
      looked.push(service);
      return [service];
    },
    createApi: async (parts) => createApi({ ...others, ...access.operations }, silentLog, parts),
  });
  const { operations } = access;
  const { address } = await operations.listen({ address: "127.0.0.1:0", names: [] }, local);
  const spec = { url: "https://git.example.com/shop", branch: "main", path: ".", intervalMs: 60_000 };
  for (const service of ["shop", "bank"]) store.sources.add(service, spec, local);
  const made = await operations.addSourceWebhook({ service: "shop", address }, local);
  const begin = (headers: Readonly<Record<string, string>>, url = made.url) => {
    const call = request(url, { method: "POST", headers, rejectUnauthorized: false, agent: false });
    call.on("error", () => {});
    const answer = once(call, "response").then(([got]: IncomingMessage[]) => got);
    return { call, answer };
  };
  const send = async (body: string, headers: Readonly<Record<string, string>>, url?: string) => {
    const { call, answer } = begin(headers, url);
    call.end(body);
    const got = await answer;
    return { status: got?.statusCode, body: got === undefined ? "" : await text(got) };
  };
  return {
    ...{ store, clock, operations, looked, begin, send, ...made },
    signed: (body: string, secret = made.secret) => ({
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    }),
    [Symbol.asyncDispose]: async () => {
      await access.close();
      opened[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

test("a message that the forge has signed causes a look, whatever its body says, and once", async () => {
  await using forge = await aListener();
  const { send, signed, looked, store } = forge;
  const body = '{"repository":{"full_name":"eve/bank"},"ref":"refs/heads/x"}';
  const first = await send(body, { ...signed(body), "content-type": "application/x-www-form-urlencoded" });
  expect(first).toEqual({ status: 202, body: '{"looking":["shop"]}' });
  expect(await send(body, signed(body))).toEqual({ status: 202, body: '{"looking":[]}' });
  expect(await send("{}", { "x-gitlab-token": forge.secret })).toMatchObject({ status: 202 });
  expect(looked).toEqual(["shop", "shop"]);
  expect(store.sourceWebhooks.of("shop")?.usedAtMs).toBe(forge.clock.now());
  expect(JSON.stringify(store.events({}))).not.toContain(forge.secret);
});

test("a message without proof causes none, and after some its address waits", async () => {
  await using forge = await aListener();
  const { send, signed, looked, store, url } = forge;
  const refused = [
    await send("{}", {}),
    await send("{}", signed("{} ")),
    await send("{}", { "x-gitlab-token": `${forge.secret}x` }),
    await send("{}", signed("{}"), `${url}x`),
    await send("{}", { authorization: `Bearer ${forge.secret}` }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  for (let i = 0; i < 6; i++) await send("{}", {});
  expect(await send("{}", signed("{}"))).toMatchObject({ status: 429 });
  forge.clock.set(forge.clock.now() + 60_000);
  expect(await send("{}", signed("{}"))).toMatchObject({ status: 202 });
  expect(looked).toEqual(["shop"]);
  const denied = store.events({}).filter(({ kind }) => kind === "access.denied");
  expect(denied).toHaveLength(1);
});

test("a webhook that does not exist refuses in the words of one that does", async () => {
  await using forge = await aListener();
  const { send, signed, url, store } = forge;
  const ways = [{}, signed("{} "), { "x-gitlab-token": "psh_x" }];
  for (const headers of ways) {
    const known = await send("{}", headers);
    expect(known.status).toBe(401);
    expect(await send("{}", headers, `${url}x`)).toEqual(known);
  }
  expect(JSON.stringify(store.events({}))).toContain("the webhook of shop");
});

test("nothing is read of a message that cannot be the forge's, and no more than a forge sends of others", async () => {
  await using forge = await aListener();
  const { begin, signed, looked } = forge;
  const size = { "content-length": `${25 * 1024 * 1024 + 1}` };
  const unsigned = begin(size);
  unsigned.call.flushHeaders();
  expect((await unsigned.answer)?.statusCode).toBe(401);
  const stated = begin({ ...size, ...signed("") });
  stated.call.flushHeaders();
  expect((await stated.answer)?.statusCode).toBe(413);
  const endless = begin(signed(""));
  const piece = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 25; i++) endless.call.write(piece);
  endless.call.write("x"); // nothing is left unread, which would close the connection before its answer is read
  expect((await endless.answer)?.statusCode).toBe(413);
  for (const { call } of [unsigned, stated, endless]) call.destroy();
  const cut = begin({ ...signed("{}"), "content-length": "2" });
  cut.answer.catch(() => {}); // there is none
  cut.call.write("{");
  cut.call.destroy();
  expect(looked).toEqual([]);
}, 60_000);

test("another secret counts at once, the one before for a day, and none after the webhook is removed", async () => {
  await using forge = await aListener();
  const { send, signed, operations, clock, url } = forge;
  const next = await operations.rotateSourceWebhook({ service: "shop" }, local);
  const status = async (secret: string) => (await send("{}", signed("{}", secret))).status;
  expect(await status(next.secret)).toBe(202);
  expect(await status(forge.secret)).toBe(202);
  clock.set(clock.now() + 24 * 3_600_000);
  expect(await status(forge.secret)).toBe(401);
  const again = operations.addSourceWebhook({ service: "shop" }, local);
  await expect(again).rejects.toMatchObject({ code: "webhook_taken" });
  const bank = await operations.addSourceWebhook({ service: "bank", address: new URL(url).host }, local);
  expect(await status(bank.secret)).toBe(401);
  await operations.removeSourceWebhook({ service: "shop" }, local);
  expect(await status(next.secret)).toBe(401);
  forge.store.sources.remove("bank", local);
  expect((await send("{}", signed("{}", bank.secret), bank.url)).status).toBe(401);
});
