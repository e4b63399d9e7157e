import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import type { Operations } from "../../controller/operations.ts";
import { KilnError } from "../../lib/errors.ts";
import { sentEvents } from "../client/stream.ts";
import { anEvent } from "../contract/events/testing.ts";
import { allOf, anApi, fakeOperations, rawRequest } from "../testing.ts";

type EventOptions = Parameters<Operations["events"]>[0];

/** Operations whose events continue until the signal fires; reports when that was. */
function endless() {
  const ended = Promise.withResolvers<void>();
  const asked: EventOptions[] = [];
  async function* events(
    options: EventOptions,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ) {
    asked.push(options);
    const { after = 0 } = options;
    try {
      for (let sequence = after + 1; sequence <= after + 3; sequence++) yield anEvent(sequence);
      if (signal && !signal.aborted) await once(signal ?? new AbortController().signal, "abort");
    } finally {
      ended.resolve();
    }
  }
  return { operations: fakeOperations({ events }).operations, ended: ended.promise, asked };
}

test("a stream continues until the client's signal fires; then both sides end", {
  timeout: 5_000,
}, async () => {
  const fake = endless();
  await using api = await anApi(fake.operations);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const event of api.client.events({ follow: true }, { signal: stop.signal })) {
    seen.push(event.sequence);
    if (event.sequence === 3) stop.abort();
  }
  expect(seen).toEqual([1, 2, 3]);
  await fake.ended;
});

test("a client that turns away ends the stream on the other side too", { timeout: 60_000 }, async () => {
  const fake = endless();
  await using api = await anApi(fake.operations);
  const { signal } = new AbortController();
  for await (const _event of api.client.events({ follow: true }, { signal })) break;
  await fake.ended;
});

test("a stream that says nothing begins at once all the same, and ends with its client", {
  timeout: 5_000,
}, async () => {
  const aborted = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  // biome-ignore lint/correctness/useYield: a server that writes nothing
  async function* logs(_asked: object, { signal }: { readonly signal?: AbortSignal | undefined } = {}) {
    opened.resolve();
    await once(signal ?? new AbortController().signal, "abort");
    aborted.resolve();
  }
  await using api = await anApi(fakeOperations({ logs }).operations);
  const stop = new AbortController();
  const reading = allOf(api.client.logs({ server: "shop-1-1-1", follow: true }, { signal: stop.signal }));
  await opened.promise;
  stop.abort();
  expect(await reading).toEqual([]);
  await aborted.promise;
});

test("Last-Event-ID goes before what the address asks for", async () => {
  const fake = fakeOperations();
  await using api = await anApi(fake.operations);
  const headers = { "last-event-id": "2" };
  const raw = await rawRequest(api, "GET", "/v1/events?after=0&newest=1&service=shop", { headers });
  expect(fake.calls).toEqual([["events", { after: 2, service: "shop" }, expect.anything()]]);
  expect(raw.text).toMatch(/^id: 3\n/);
});

test("a stream continues after a break where it was", { timeout: 60_000 }, async () => {
  const fake = endless();
  const { signal } = new AbortController();
  let last = 0;
  for (let round = 1; round <= 2; round++) {
    await using api = await anApi(fake.operations);
    await expect(async () => {
      for await (const event of api.client.events({ after: last, follow: true }, { signal })) {
        last = event.sequence;
        if (last === 3 * round) void api.app.close(); // what was there has come; now the controller stops
      }
    }).rejects.toThrow("The controller ended in the middle of a stream.");
  }
  expect(last).toBe(6);
});

test("a fault at once has its status; a later one ends the stream", async () => {
  const unknown = new KilnError("server_unknown", "There is no server shop-9-1-1.", { hint: "Look." });
  // biome-ignore lint/correctness/useYield: it fails before its first line
  async function* failing(): AsyncGenerator<never> {
    throw unknown;
  }
  async function* late() {
    yield { atMs: 1, stream: "stdout" as const, text: "one" };
    throw unknown;
  }
  for (const [logs, lines] of [
    [failing, 0],
    [late, 1],
  ] as const) {
    await using api = await anApi(fakeOperations({ logs }).operations);
    const seen: string[] = [];
    const reading = (async () => {
      const { signal } = new AbortController();
      for await (const line of api.client.logs({ server: "shop-9-1-1" }, { signal })) seen.push(line.text);
    })();
    await expect(reading).rejects.toMatchObject({
      code: "server_unknown",
      message: unknown.message,
      hint: "Look.",
    });
    expect(seen.length).toBe(lines);
    const raw = await rawRequest(api, "GET", "/v1/servers/shop-9-1-1/logs");
    expect(raw.status).toBe(lines === 0 ? 404 : 200);
  }
});

test("a platform without logs refuses before the stream begins", async () => {
  const logs = () => {
    throw new KilnError("platform_unusable", "It keeps no logs.");
  };
  await using api = await anApi(fakeOperations({ logs }).operations);
  expect((await rawRequest(api, "GET", "/v1/servers/shop-1-1-1/logs")).status).toBe(503);
});

test("a reader that is slower than the writer gets every line, in order", { timeout: 20_000 }, async () => {
  const lines = 2_000;
  const text = "x".repeat(1_000);
  let ahead = 0;
  let read = 0;
  async function* logs() {
    for (let atMs = 0; atMs < lines; atMs++) {
      ahead = Math.max(ahead, atMs - read);
      yield { atMs, stream: "stdout" as const, text };
    }
  }
  await using api = await anApi(fakeOperations({ logs }).operations);
  const { signal } = new AbortController();
  for await (const line of api.client.logs({ server: "shop-1-1-1" }, { signal })) {
    expect(line.atMs).toBe(read);
    read += 1;
    await new Promise(setImmediate);
  }
  expect(read).toBe(lines);
  expect(ahead).toBeLessThan(lines - 100); // the writer waits for the reader, and keeps no more than buffers hold
});

test("closing the API ends its streams and does not wait for them", { timeout: 60_000 }, async () => {
  const fake = endless();
  const api = await anApi(fake.operations);
  const { signal } = new AbortController();
  const events = api.client.events({ follow: true }, { signal })[Symbol.asyncIterator]();
  await events.next();
  await api[Symbol.asyncDispose]();
  await fake.ended;
});

test("events are found whatever the pieces they come in", async () => {
  const text = ':\n\nid: 1\ndata: {"a":"é"}\n\nevent: fault\ndata: one\ndata: two\n\n:\n\ndata: cut off';
  const expected = [
    { name: "message", data: '{"a":"é"}' },
    { name: "fault", data: "one\ntwo" },
  ];
  for (let size = 1; size <= text.length; size++) {
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.slice(i * size, (i + 1) * size),
    );
    const chunks = (async function* () {
      yield* pieces;
    })();
    expect(await allOf(sentEvents(chunks))).toEqual(expected);
  }
});

test("a stream that continues tells the time; its items stay what they are", {
  timeout: 60_000,
}, async () => {
  await using api = await anApi(endless().operations);
  const stop = new AbortController();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = get({ socketPath: api.socketPath, path: "/v1/events?follow=true", signal: stop.signal });
    call.once("response", resolve).once("error", reject);
  });
  const seen: string[] = [];
  for await (const { name, data } of sentEvents(answer.setEncoding("utf8"))) {
    seen.push(name);
    if (name !== "beat") continue;
    expect(JSON.parse(data)).toEqual({ atMs: expect.any(Number) });
    break;
  }
  stop.abort();
  expect(seen).toEqual(["message", "message", "message", "beat"]);
});
