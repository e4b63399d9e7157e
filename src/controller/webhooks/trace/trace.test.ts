import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import { anAsker } from "../../../domain/testing.ts";
import { silentLog } from "../../../lib/log.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import type { Store } from "../../../store/store.ts";
import { aDraft, aStore, begin, finish } from "../../../store/testing.ts";
import { startWebhooks } from "../operations.ts";
import { post } from "../post.ts";
import { traceMessage } from "./trace-message.ts";

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
  readonly events: readonly { readonly name: string }[];
  readonly status: { readonly code: number; readonly message?: string };
}

interface TraceRequest {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const spansIn = ({ resourceSpans }: TraceRequest) =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));

/** What would be sent at the newest event. */
function exported(store: Store, installation = "here"): readonly OtlpSpan[] {
  const ended = store.events({ newest: 1 })[0];
  if (ended === undefined) throw new Error("nothing has happened");
  return spansIn(JSON.parse(traceMessage(store, ended, installation).body));
}

const told = (store: Store, kind: string, data: Readonly<Record<string, unknown>> = {}) =>
  store.appendEvent({ service: "shop", kind, message: `${kind}: it happened`, data }).sequence;

/** A rollout with an action, a server and a job in it, at a clock that advances by 1 s with each. */
function rollOut(it: ReturnType<typeof aStore>, end: "complete" | "rolled-back", draft = 1): number {
  const { store, clock } = it;
  const next = () => clock.set(clock.now() + 1_000);
  next();
  const { rollout } = begin(store, aDraft(draft));
  next();
  const intent = told(store, "action.intended", { action: "resize", release: 1, reason: "it must" });
  next();
  told(store, "action.done", { intent });
  told(store, "server.started", { server: "shop-1-1-1" });
  told(store, "job.started", { rollout: rollout.id, job: "migrate" });
  next();
  told(store, end === "complete" ? "server.ready" : "server.failed", { server: "shop-1-1-1" });
  told(store, "job.succeeded", { rollout: rollout.id, job: "migrate" });
  next();
  store.apply("shop", { kind: "moved", rollout: rollout.id, atMs: clock.now() }, "it is ready");
  next();
  finish(store, rollout, end, { atMs: clock.now() });
  return rollout.id;
}

test("a rollout is a trace: its actions, servers, jobs, steps and holds, as long as they took", () => {
  using it = aStore();
  const id = rollOut(it, "complete");
  const spans = exported(it.store);
  const [root] = spans;
  const seconds = ({ startTimeUnixNano, endTimeUnixNano }: OtlpSpan) =>
    Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e9;
  expect(spans.map((span) => [span.name, seconds(span)])).toEqual([
    ["RUN shop", 5],
    ["step 1", 5],
    ["hold of step 1", 1],
    ["action.intended", 1],
    ["start of shop-1-1-1", 1],
    ["job migrate", 1],
  ]);
  expect(root).toMatchObject({ kind: 2, status: { code: 1 } });
  expect(root).not.toHaveProperty("parentSpanId");
  expect(root?.attributes).toEqual(
    expect.arrayContaining([
      { key: "cicd.pipeline.run.id", value: { stringValue: `${id}` } },
      { key: "cicd.pipeline.result", value: { stringValue: "success" } },
      { key: "kiln.release.to", value: { intValue: "1" } },
    ]),
  );
  expect(root?.events.map(({ name }) => name)).toEqual(["rollout.moved", "rollout.completed"]);
  for (const { traceId, spanId } of spans) {
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spanId).toMatch(/^[0-9a-f]{16}$/);
  }
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  expect(ids.size).toBe(spans.length);
  for (const { parentSpanId } of spans.slice(1)) expect(ids).toContain(parentSpanId);
});

test("a deploy of a pipeline is part of its trace, and has its build", () => {
  using it = aStore();
  const parent = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
  const { rollout } = begin(it.store, aDraft(1), { trace: { parent, build: { ms: 2_000, agoMs: 500 } } });
  finish(it.store, rollout, "complete", { atMs: it.clock.now() });
  const [root, build, step] = exported(it.store);
  const ends = BigInt(it.clock.now() - 500) * 1_000_000n;
  const begins = `${ends - 2_000_000_000n}`;
  expect(root).toMatchObject({ name: "RUN shop", parentSpanId: parent.spanId, startTimeUnixNano: begins });
  expect(build).toMatchObject({ name: "build", parentSpanId: root?.spanId, startTimeUnixNano: begins });
  expect(build?.endTimeUnixNano).toBe(`${ends}`);
  expect([root?.traceId, build?.traceId, step?.traceId]).toEqual(Array(3).fill(parent.traceId));
  expect(new Set([root?.spanId, build?.spanId, step?.spanId]).size).toBe(3);
  expect(exported(it.store, "there")[0]?.spanId).not.toBe(root?.spanId);
});

test("a rollout that failed says so, and so does what failed in it", () => {
  using it = aStore();
  rollOut(it, "complete");
  rollOut(it, "rolled-back", 2);
  const failed = exported(it.store).filter(({ status }) => status.code === 2);
  expect(failed.map(({ name }) => name)).toEqual(["RUN shop", "step 1", "start of shop-1-1-1"]);
});

test("the same log makes the same trace; another rollout, and another installation's, makes another", () => {
  using it = aStore();
  rollOut(it, "complete");
  const first = exported(it.store);
  expect(exported(it.store)).toEqual(first);
  expect(exported(it.store, "there")[0]?.traceId).not.toBe(first[0]?.traceId);
  rollOut(it, "complete", 2);
  const second = exported(it.store);
  expect(second[0]?.traceId).not.toBe(first[0]?.traceId);
  expect(second.map(({ name }) => name)).toEqual(first.map(({ name }) => name));
});

test("a collector gets each rollout when it is over, with the headers it asks for, and again by a replay", async () => {
  const got: { readonly path: string | undefined; readonly key: unknown; readonly asked: TraceRequest }[] =
    [];
  const collector = createServer(async (asked, answer) => {
    const { url: path, headers } = asked;
    got.push({ path, key: headers["x-api-key"], asked: (await json(asked)) as TraceRequest });
    answer.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = collector.address() as AddressInfo;
  using it = aStore();
  const { store } = it;
  const hooks = startWebhooks({ store, clock: systemClock, log: silentLog, post, installation: "here" });
  const root = { actor: anAsker().actor };
  const url = `http://127.0.0.1:${port}/v1/traces`;
  const traces = {
    name: "traces",
    url,
    format: "otlp" as const,
    services: [],
    headers: { "x-api-key": "s3cret" },
  };
  try {
    await expect(hooks.operations.addWebhook({ ...traces, kinds: ["*"] }, root)).rejects.toThrow(
      "when it is over",
    );
    await hooks.operations.addWebhook(traces, root);
    const from = store.lastSequence() + 1;
    await hooks.operations.testWebhook({ name: "traces" }, root);
    rollOut(it, "complete");
    await expect.poll(() => got.length, { timeout: 60_000 }).toBe(2);
    await hooks.operations.replayWebhook({ name: "traces", from }, root);
    await expect.poll(() => got.length, { timeout: 60_000 }).toBe(3);
    const [test, first, again] = got;
    expect(test?.asked).toEqual({ resourceSpans: [] });
    expect(first).toMatchObject({ path: "/v1/traces", key: "s3cret" });
    expect(spansIn(first?.asked ?? { resourceSpans: [] }).map(({ name }) => name)).toContain("RUN shop");
    expect(again?.asked).toEqual(first?.asked);
    expect(JSON.stringify([await hooks.operations.webhooks({}), store.events()])).not.toContain("s3cret");
  } finally {
    await hooks.close();
    collector.closeAllConnections();
    collector.close();
  }
});
