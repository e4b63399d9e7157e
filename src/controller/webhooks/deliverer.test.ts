import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { systemClock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { aStore } from "../../store/testing.ts";
import { startWebhooks } from "./operations.ts";
import type { Post } from "./post.ts";

const url = "https://hooks.example.com/T000/secret";
const root = { actor: anAsker().actor };

/** A receiver that refuses while `away`; waits between attempts are over at once, and counted. */
function receiver() {
  const got: string[] = [];
  const pauses: number[] = [];
  const state = { away: false };
  const post: Post = async ({ headers }) => {
    if (state.away) throw new KilnError("webhook_failed", "it answered 500");
    got.push(headers["webhook-id"] ?? "");
    return { status: 204, said: "" };
  };
  const clock = {
    ...systemClock,
    sleep: async (ms: number, signal?: AbortSignal) => {
      pauses.push(ms);
      await systemClock.sleep(1, signal);
    },
  };
  return { got, pauses, state, post, clock };
}

function begin(store: Store, { post, clock }: Pick<ReturnType<typeof receiver>, "post" | "clock">) {
  return startWebhooks({ store, clock, log: silentLog, post, installation: "here" });
}

const happen = (store: Store, kind: string, service?: string) =>
  store.appendEvent({ service, kind, message: "it happened", data: {} }).sequence;

const settled = (store: Store) =>
  expect.poll(() => store.webhooks.all().every(({ cursor }) => cursor === store.lastSequence())).toBe(true);

test("a webhook receives the events that concern it, in order, from its addition on", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const hooks = begin(store, to);
  happen(store, "rollout.started", "shop.production");
  await hooks.operations.addWebhook(
    { name: "team", url, format: "cloudevents", kinds: ["rollout.*"], services: ["*.production"] },
    root,
  );
  const first = happen(store, "rollout.started", "shop.production");
  happen(store, "server.ready", "shop.production");
  happen(store, "rollout.completed", "shop.staging");
  happen(store, "rollout.completed");
  const last = happen(store, "rollout.completed", "shop.production");
  await settled(store);
  expect(to.got).toEqual([`here-${first}`, `here-${last}`]);
  expect(await hooks.operations.webhooks({})).toMatchObject([
    { origin: "https://hooks.example.com", backlog: 0, deliveredAtMs: expect.any(Number) },
  ]);
  expect(JSON.stringify([await hooks.operations.webhooks({}), store.events()])).not.toContain("secret");
  await hooks.close();
});

test("a receiver that is away for days gets all of it, also from a new controller", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  to.state.away = true;
  const hooks = begin(store, to);
  await hooks.operations.addWebhook({ name: "ci", url, format: "cloudevents", services: [] }, root);
  const added = store.lastSequence();
  const first = happen(store, "server.ready", "shop");
  await expect.poll(() => to.pauses.length).toBeGreaterThan(12);
  expect(to.pauses.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000]);
  expect(Math.max(...to.pauses)).toBe(3_600_000);
  expect(store.webhooks.one("ci")).toMatchObject({
    cursor: added,
    failing: { attempts: expect.any(Number), reason: "it answered 500" },
  });
  await hooks.close();
  expect(store.webhooks.one("ci").failing?.attempts).toBeGreaterThan(12);
  const second = happen(store, "server.ready", "shop");
  to.state.away = false;
  const next = begin(store, to);
  await settled(store);
  expect(to.got).toEqual([`here-${first}`, `here-${second}`]);
  expect(store.webhooks.one("ci").failing).toBeUndefined();
  await next.close();
});

test("a webhook can start again anywhere in the log, and skip an event that it refuses", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const hooks = begin(store, to);
  await hooks.operations.addWebhook(
    { name: "ci", url, format: "cloudevents", kinds: ["server.*"], services: [] },
    root,
  );
  const first = happen(store, "server.ready", "shop");
  await settled(store);
  await hooks.operations.replayWebhook({ name: "ci", from: 1 }, root);
  await settled(store);
  expect(to.got).toEqual([`here-${first}`, `here-${first}`]);
  to.state.away = true;
  const refused = happen(store, "server.ready", "shop");
  await expect.poll(() => store.webhooks.one("ci").failing).toBeDefined();
  await hooks.operations.replayWebhook({ name: "ci", from: refused + 1 }, root);
  to.state.away = false;
  await settled(store);
  expect(to.got).toHaveLength(2);
  await expect(hooks.operations.replayWebhook({ name: "ci", from: 10_000 }, root)).rejects.toMatchObject({
    code: "usage",
  });
  await hooks.close();
});

test("a removed webhook receives nothing more, and a name is used once", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const hooks = begin(store, to);
  const add = () => hooks.operations.addWebhook({ name: "ci", url, format: "slack", services: [] }, root);
  await add();
  await expect(add()).rejects.toMatchObject({ code: "webhook_taken" });
  await hooks.operations.removeWebhook({ name: "ci" }, root);
  happen(store, "rollout.failed", "shop");
  for (const name of ["removeWebhook", "rotateWebhook", "testWebhook"] as const)
    await expect(hooks.operations[name]({ name: "cj" }, root)).rejects.toMatchObject({
      code: "webhook_unknown",
    });
  expect([await hooks.operations.webhooks({}), to.got]).toEqual([[], []]);
  await hooks.close();
});

test("events before one that fails are dealt with, and its failure stays known when the controller ends", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const post: Post = async (...given) => {
    const answer = await to.post(...given);
    to.state.away = true;
    return answer;
  };
  const hooks = begin(store, { ...to, post });
  await hooks.operations.addWebhook({ name: "ci", url, format: "cloudevents", services: [] }, root);
  const first = happen(store, "server.ready", "shop");
  happen(store, "server.ready", "shop");
  await expect.poll(() => store.webhooks.one("ci").failing).toBeDefined();
  await hooks.close();
  expect(store.webhooks.one("ci")).toMatchObject({ cursor: first, failing: { reason: "it answered 500" } });
});

test("a long log that does not concern a webhook is read in pieces, amid all else", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const before = begin(store, to);
  await before.operations.addWebhook(
    { name: "ci", url, format: "cloudevents", kinds: ["server.*"], services: [] },
    root,
  );
  await before.close();
  for (let count = 0; count < 300; count++) happen(store, "rollout.started", "shop");
  const hooks = begin(store, to);
  expect(store.webhooks.one("ci").cursor).toBeLessThan(store.lastSequence());
  const last = happen(store, "server.ready", "shop");
  await settled(store);
  expect(to.got).toEqual([`here-${last}`]);
  await hooks.close();
});

test("a change amid the end of the controller begins nothing", async () => {
  using opened = aStore();
  const { store } = opened;
  const to = receiver();
  const hooks = begin(store, to);
  await hooks.operations.addWebhook({ name: "ci", url, format: "cloudevents", services: [] }, root);
  await settled(store);
  const changed = hooks.operations.replayWebhook({ name: "ci", from: 1 }, root);
  await hooks.close();
  await changed;
  happen(store, "server.ready", "shop");
  expect(to.got).toEqual([]);
});

test("for a day after a rotation both secrets sign", async () => {
  using opened = aStore();
  const { store, clock } = opened;
  const hooks = begin(store, receiver());
  const { secret } = await hooks.operations.addWebhook(
    { name: "ci", url, format: "slack", services: [] },
    root,
  );
  const { secret: next } = await hooks.operations.rotateWebhook({ name: "ci" }, root);
  expect(store.webhooks.open("ci")).toEqual({ url, headers: {}, secrets: [next, secret] });
  clock.set(clock.now() + 86_400_000);
  expect(store.webhooks.open("ci").secrets).toEqual([next]);
  await hooks.close();
});
