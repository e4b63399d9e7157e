import { request } from "node:http";
import { connect } from "node:net";
import { expect, test } from "vitest";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import { freePort } from "../../../lib/testing.ts";
import type { RoutedEntry, Router } from "../../router.ts";
import { childBackend } from "../config/child-backend.ts";
import { health, httpBackend, httpFrontend } from "../config/fixtures.ts";
import { installation, missingHaproxy } from "../process/installation.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

withHaproxy(
  "requests of a service that asks for it are logged, without query, and a client's text stays text",
  async () => {
    await using it = await installation();
    await using shop = await httpBackend("shop-1-1-1");
    await using blog = await httpBackend("blog-1-1-1");
    const port = await freePort();
    const frontend: TrafficSpec = {
      ...httpFrontend(port, "shop.example"),
      ...{ accessLog: true, trustedProxies: ["127.0.0.1", "192.0.2.0/24"], limits: { bodyBytes: 10 } },
    };
    const watched = it.router.watch?.(() => {});
    await it.router.apply(
      { service: "blog", frontends: [httpFrontend(port)], health, upstreams: [blog.upstream] },
      options,
    );
    await it.router.apply(
      { service: "shop", frontends: [frontend], health, upstreams: [shop.upstream] },
      options,
    );
    const entries = it.router.accessLog?.read("shop", { follow: true }, options.signal);
    if (entries === undefined) throw new Error("this router has an access log");
    await using reading = nextOf(entries);
    const { next } = reading;

    await ask(port, { path: "/orders?token=secret", headers: { host: "shop.example" } });
    const { atMs, durationMs, bytes, ...first } = await next();
    expect(first).toEqual({
      ...{ client: "127.0.0.1", method: "GET", host: "shop.example", path: "/orders", status: 200 },
      ...{ server: "shop-1-1-1", endedBy: undefined },
    });
    expect(Math.abs(atMs - Date.now())).toBeLessThan(120_000);
    expect(bytes).toBeGreaterThan(50);
    expect(durationMs).toBeGreaterThanOrEqual(0);

    const chain = "203.0.113.9, 198.51.100.4, 192.0.2.7, 192.0.2.8";
    await ask(port, { headers: { host: "shop.example", "x-forwarded-for": chain } });
    expect(await next()).toMatchObject({ client: "198.51.100.4" });
    const stranger = { host: "shop.example", "x-forwarded-for": chain };
    await ask(port, { headers: stranger, localAddress: "127.0.0.2" });
    expect(await next()).toMatchObject({ client: "127.0.0.2" });

    await ask(port, { headers: { host: "blog.example" } }); // not logged
    await ask(port, { method: "POST", headers: { host: "shop.example" }, body: "more than that" });
    expect(await next()).toMatchObject({ method: "POST", status: 413, server: undefined });

    const hostile = 'GET /"},"status":1\\x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n';
    await exchange(port, hostile);
    expect(await next()).toMatchObject({ path: '/"},"status":1\\x', status: 200 });
    await ask(port, { path: `/${"a".repeat(5_000)}`, headers: { host: "shop.example" } });
    expect((await next()).path).toHaveLength(1_024);
    watched?.[Symbol.dispose]();
  },
);

withHaproxy(
  "no line is missing when a new controller takes over, and what broke off a request is said",
  async () => {
    await using it = await installation();
    await using first = await childBackend("shop-1-1-1");
    await using second = await childBackend("shop-1-2-1");
    const port = await freePort();
    const frontend = { ...httpFrontend(port), accessLog: true };
    const upstreams = [first.upstream, second.upstream];
    const former = it.another();
    const watched = former.watch?.(() => {});
    await former.apply({ service: "shop", frontends: [frontend], health, upstreams }, options);
    await ask(port, { path: "/before" });
    await found(former, 1);
    watched?.[Symbol.dispose]();
    for (let i = 0; i < 50; i += 1) await ask(port, { path: `/between/${i}` });
    await it.router.observe(options);
    const entries = await found(it.router, 51);
    expect(entries.map(({ path }) => path)).toEqual([
      "/before",
      ...Array.from({ length: 50 }, (_, i) => `/between/${i}`),
    ]);
    await ask(port, { path: "/poison", method: "POST" });
    const [last] = (await found(it.router, 52)).slice(-1);
    expect(last).toMatchObject({ path: "/poison", status: 502, endedBy: "server" });
    await it.router.remove("shop", options);
    expect(await read(it.router)).toEqual([]);
  },
);

async function read(router: Router): Promise<readonly RoutedEntry[]> {
  const entries: RoutedEntry[] = [];
  for await (const entry of router.accessLog?.read("shop", {}, options.signal) ?? []) entries.push(entry);
  return entries;
}

async function found(router: Router, count: number): Promise<readonly RoutedEntry[]> {
  await expect.poll(async () => (await read(router)).length, { timeout: 60_000 }).toBe(count);
  return read(router);
}

function nextOf<T>(items: AsyncIterable<T>): { readonly next: () => Promise<T> } & AsyncDisposable {
  const iterator = items[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await iterator.next();
      if (done) throw new Error("there is no further one");
      return value;
    },
    async [Symbol.asyncDispose]() {
      await iterator.return?.();
    },
  };
}

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly localAddress?: string;
  readonly body?: string;
}

async function ask(port: number, { body, ...asked }: Asked): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = request({ host: "127.0.0.1", port, agent: false, ...asked }, (answer) => {
    answer.resume().once("end", resolve);
  });
  sent.once("error", reject).end(body);
  await promise;
}

async function exchange(port: number, text: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  socket.resume().once("end", resolve).once("error", reject);
  await promise;
}
