import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { aPolicy, aRelease, aRollout, aService } from "../../domain/testing.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { fakePlatform } from "../../platform/fake/fake-platform.ts";
import { call } from "../../platform/fake/testing.ts";
import { createAnalyst } from "./analyst.ts";

const spec = { minRequests: 0, maxErrorRate: 0.01, maxLatencyRatio: 1.5, intervalMs: 10_000 };
const rollout = aRollout({ policy: aPolicy() });
const desired = aService({ serving: 1, rollout });
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A server on loopback that answers everything with this; `undefined`: it accepts and says nothing. */
async function peer(answer: { readonly status: number; readonly body: string } | undefined): Promise<string> {
  const server = createServer((_, response) => {
    if (answer !== undefined) response.writeHead(answer.status).end(answer.body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const prometheus = (...values: readonly string[]) =>
  JSON.stringify({
    status: "success",
    data: { resultType: "vector", result: values.map((v) => ({ metric: {}, value: [1, v] })) },
  });

function judge(analysis: object) {
  const clock = new FakeClock(1000);
  const platform = { ...fakePlatform(clock).platform, traffic: { read: async () => [] } };
  const traffic = {
    read: async () => [{ id: "a", service: "shop", release: 2, requests: 1, errors: 0, latency: [] }],
  };
  return createAnalyst({ platform: { ...platform, name: "fake", traffic } as never, clock }).judge(
    desired,
    rollout,
    { ...spec, ...analysis },
    call,
  );
}

test.each([
  ["within its bounds", { status: 200, body: prometheus("5") }, "pass"],
  ["above its bounds", { status: 200, body: prometheus("50") }, "fail"],
  ["not a number", { status: 200, body: prometheus("NaN") }, "inconclusive"],
  ["several values", { status: 200, body: prometheus("1", "2") }, "inconclusive"],
  ["no value", { status: 200, body: prometheus() }, "inconclusive"],
  ["an error", { status: 503, body: "down" }, "inconclusive"],
  ["far more than a value", { status: 200, body: prometheus("5") + " ".repeat(2 << 20) }, "inconclusive"],
  ["nonsense", { status: 200, body: "<html>" }, "inconclusive"],
] as const)("a query that gives %s", async (_, answer, outcome) => {
  const url = await peer(answer);
  expect(await judge({ query: { url, query: "up", max: 10 } })).toMatchObject({ outcome });
});

test("a query endpoint that is gone is inconclusive, never a pass", async () => {
  expect(await judge({ query: { url: "http://127.0.0.1:1", query: "up", max: 10 } })).toMatchObject({
    outcome: "inconclusive",
  });
});

test("a query endpoint that never answers is inconclusive after its time", async () => {
  const url = await peer(undefined);
  expect(await judge({ query: { url, query: "up", max: 10 } })).toMatchObject({ outcome: "inconclusive" });
}, 15_000);

test("an HTTP check passes with 2xx and fails with anything else", async () => {
  expect(await judge({ http: await peer({ status: 204, body: "" }) })).toMatchObject({ outcome: "pass" });
  expect(await judge({ http: await peer({ status: 500, body: "" }) })).toMatchObject({ outcome: "fail" });
});

test.each(["tcp", "udp"] as const)("%s has no counts: its questions decide alone", async (mode) => {
  const clock = new FakeClock(1000);
  const analyst = createAnalyst({ platform: fakePlatform(clock).platform, clock });
  const releases = [1, 2].map((number) =>
    aRelease(number, { traffic: { mode, listen: 53, host: undefined } }),
  );
  const service = aService({
    serving: 1,
    rollout,
    releases: new Map(releases.map((one) => [one.number, one])),
  });
  const of = async (analysis: object) =>
    (await analyst.judge(service, rollout, { ...spec, minRequests: 50, ...analysis }, call)).outcome;
  expect(await of({ http: await peer({ status: 204, body: "" }) })).toBe("pass");
  expect(await of({ http: await peer({ status: 500, body: "" }) })).toBe("fail");
  expect(await of({})).toBe("inconclusive");
});

test("requests are counted from the first look on, and again when someone has resumed the rollout", async () => {
  const clock = new FakeClock(1000);
  let requests = 0;
  const traffic = {
    read: async () => [{ id: "a", service: "shop", release: 2, requests, errors: 0, latency: [] }],
  };
  const analyst = createAnalyst({ platform: { ...fakePlatform(clock).platform, traffic }, clock });
  const look = async (of: typeof rollout) => {
    requests += 30;
    return (await analyst.judge(desired, of, { ...spec, minRequests: 50 }, call)).reason;
  };
  expect(await look(rollout)).toContain("had 0 of the 50 requests");
  expect(await look(rollout)).toContain("had 30 of the 50 requests");
  expect(await look({ ...rollout, judgedFromMs: 2000 })).toContain("had 0 of the 50 requests");
  expect(await look({ ...rollout, judgedFromMs: 2000 })).toContain("had 30 of the 50 requests");
});
