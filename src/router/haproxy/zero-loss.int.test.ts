import { Agent } from "node:http";
import { expect, test, vi } from "vitest";
import { freePort } from "../../lib/testing.ts";
import type { RoutedService, Router } from "../router.ts";
import { childBackend } from "./config/child-backend.ts";
import { type Backend, health, httpBackend, httpFrontend, tcpFrontend } from "./config/fixtures.ts";
import { installation, killMaster, missingHaproxy } from "./process/installation.ts";
import { type LoadTally, mixedClients, send, startLoad } from "./process/load.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

withHaproxy("servers are added, switched, drained and removed", async () => {
  await using it = await installation();
  const port = await freePort();
  let old = await httpBackend("shop-1-1-1");
  await it.router.apply(shop(port, old.upstream), options);
  const load = startLoad(mixedClients(port));
  const switchesMs: number[] = [];
  for (let release = 2; release <= 12; release++) {
    const fresh = await httpBackend(`shop-${release}-1-1`);
    await it.router.apply(shop(port, old.upstream, { ...fresh.upstream, weight: 0 }), options);
    const startMs = performance.now();
    await it.router.apply(shop(port, { ...old.upstream, weight: 0 }, fresh.upstream), options);
    switchesMs.push(performance.now() - startMs);
    await vi.waitUntil(() => fresh.answered() > 10, 60_000);
    await retire(it.router, port, old, fresh);
    old = fresh;
  }
  const tally = await load.stop();
  await old[Symbol.asyncDispose]();
  report("11 releases replaced", tally);
  console.log(`  switch: ${median(switchesMs).toFixed(1)} ms median`);
  expect(tally.lost).toEqual([]);
  expect(tally.byServer.size).toBe(12);
});

withHaproxy("reloads for other services, and a router that another one takes over", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  await using b = await httpBackend("shop-1-2-1");
  const [port, shared] = [await freePort(), await freePort()];
  await it.router.apply(shop(port, a.upstream, b.upstream), options);
  const load = startLoad(mixedClients(port));
  for (let i = 0; i < 4; i++) {
    const router = it.another();
    const other = { ...shop(port), service: `other${i}`, upstreams: [a.upstream] };
    await router.apply({ ...other, frontends: [httpFrontend(shared, `other${i}.example.com`)] }, options);
    await router.apply({ ...other, frontends: [tcpFrontend(await freePort())] }, options);
    await router.remove(`other${i}`, options);
  }
  const tally = await load.stop();
  report("12 reloads", tally);
  expect(tally.lost).toEqual([]);
});

withHaproxy("idle clients come back after a reload, when all servers they knew are gone", async () => {
  await using it = await installation();
  const old = await httpBackend("shop-1-1-1");
  await using fresh = await httpBackend("shop-2-1-1");
  const port = await freePort();
  await it.router.apply(shop(port, old.upstream), options);
  const agents = Array.from({ length: 20 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const all = (kind: "GET" | "POST") =>
    Promise.all(agents.map((agent) => send({ port, keepAlive: true, kind }, agent)));
  expect(new Set((await all("GET")).map((x) => x.server))).toEqual(new Set([old.id]));
  await it.router.apply(
    { ...shop(port), service: "other", frontends: [httpFrontend(await freePort())] },
    options,
  );
  await it.router.apply(shop(port, { ...old.upstream, weight: 0 }, fresh.upstream), options);
  await retire(it.router, port, old, fresh);
  const answers = await all("POST");
  console.log(`  idle clients across a reload: ${answers.length} came back, 0 lost`);
  expect(answers.map((x) => `${x.status} ${x.server}`)).toEqual(agents.map(() => `200 ${fresh.id}`));
  for (const agent of agents) agent.destroy();
});

withHaproxy(
  "servers are killed under load, long before a check can see it: no idempotent request is lost",
  async () => {
    await using it = await installation();
    const servers = await Promise.all([1, 2, 3, 4].map((slot) => childBackend(`shop-1-${slot}-1`)));
    const port = await freePort();
    const service = {
      ...shop(port, ...servers.map((s) => s.upstream)),
      health: { ...health, intervalMs: 60_000 },
    };
    await it.router.apply(service, options);
    const gets = mixedClients(port).filter((client) => client.kind === "GET");
    const load = startLoad([...gets, ...gets]);
    for (const server of servers.slice(0, 3)) {
      await vi.waitUntil(() => load.served() > 50, 10_000);
      server.signal("SIGKILL");
    }
    const served = load.served();
    await vi.waitUntil(() => load.served() > served + 300, 10_000);
    const tally = await load.stop();
    report("3 of 4 servers killed", tally);
    for (const server of servers) await server[Symbol.asyncDispose]();
    expect(tally.lost).toEqual([]);
    expect(tally.byServer.size).toBe(4);
  },
);

withHaproxy("HAProxy is killed: every watcher learns of it at once", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  await it.router.apply(shop(await freePort(), a.upstream), options);
  let told = 0;
  using _watch = it.router.watch?.(() => told++);
  await it.router.observe(options); // the watch has connected by then
  await killMaster(it.state.router);
  await vi.waitUntil(() => told > 0, 60_000);
});

withHaproxy("HAProxy is killed: its service comes back with the next apply", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  const port = await freePort();
  await it.router.apply(shop(port, a.upstream), options);
  const load = startLoad(mixedClients(port));
  await vi.waitUntil(() => a.answered() > 20, 60_000);
  await killMaster(it.state.router);
  await it.another().apply(shop(port, a.upstream), options);
  const answered = a.answered();
  await vi.waitUntil(() => a.answered() > answered + 100, 10_000);
  const tally = await load.stop();
  report("HAProxy killed, loss is allowed here", tally);
  const after = startLoad(mixedClients(port));
  await vi.waitUntil(() => a.answered() > answered + 500, 10_000);
  expect((await after.stop()).lost).toEqual([]);
});

function shop(port: number, ...upstreams: RoutedService["upstreams"]): RoutedService {
  return { service: "shop", frontends: [httpFrontend(port)], upstreams, health };
}

/** What Kiln does with a drained server: wait until nothing is open, take it away, end it. */
async function retire(router: Router, port: number, old: Backend, fresh: Backend): Promise<void> {
  await vi.waitUntil(async () => (await router.open("shop", old.id, options)) === 0, 10_000);
  await router.apply(shop(port, fresh.upstream), options);
  await old[Symbol.asyncDispose]();
}

function report(what: string, tally: LoadTally): void {
  console.log(`  ${what}: ${tally.served} served, ${tally.lost.length} lost`);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
