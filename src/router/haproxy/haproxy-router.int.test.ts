import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { latencyBoundsMs } from "../../domain/traffic/latency.ts";
import { freePort } from "../../lib/testing.ts";
import type { RoutedService } from "../router.ts";
import { childBackend } from "./config/child-backend.ts";
import {
  health,
  httpBackend,
  httpFrontend,
  listen,
  tcpBackend,
  tcpFrontend,
  upstream,
} from "./config/fixtures.ts";
import { installation, missingHaproxy } from "./process/installation.ts";
import { send } from "./process/load.ts";
import { parseServers } from "./process/replies.ts";
import { ask } from "./process/socket.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

withHaproxy("what was applied is what runs, and applying it again changes nothing", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  const port = await freePort();
  const shop = service("shop", [httpFrontend(port)], [a.upstream]);
  expect(await it.router.observe(options)).toEqual([]);
  await it.router.apply(shop, options);
  expect(await it.router.observe(options)).toEqual([shop]);
  const before = await readFile(`${it.state.router}/haproxy.cfg`, "utf8");
  await it.router.apply(shop, options);
  expect(await readFile(`${it.state.router}/haproxy.cfg`, "utf8")).toBe(before);
  expect((await send({ port, keepAlive: false, kind: "GET" })).server).toBe(a.id);
});

withHaproxy("only their owner can talk to the sockets or read the files", async () => {
  await using it = await installation();
  await it.router.apply(service("shop", [httpFrontend(await freePort())], []), options);
  const modes = ["", "/runtime.sock", "/master.sock", "/haproxy.cfg", "/haproxy.log"].map(async (path) =>
    ((await stat(`${it.state.router}${path}`)).mode & 0o777).toString(8),
  );
  expect(await Promise.all(modes)).toEqual(["700", "600", "600", "600", "600"]);
});

withHaproxy("host names share a port; case and port number do not matter; others get 404", async () => {
  await using it = await installation();
  await using shop = await httpBackend("shop-1-1-1");
  await using blog = await httpBackend("blog-1-1-1");
  const port = await freePort();
  await it.router.apply(service("shop", [httpFrontend(port, "shop.example.com")], [shop.upstream]), options);
  await it.router.apply(service("blog", [httpFrontend(port, "blog.example.com")], [blog.upstream]), options);
  const get = (host: string) => send({ port, host, keepAlive: false, kind: "GET" });
  expect((await get("Shop.Example.com")).server).toBe(shop.id);
  expect((await get(`blog.example.com:${port}`)).server).toBe(blog.id);
  expect(await get("other.example.com")).toMatchObject({
    status: 404,
    body: "No service has this host name and path here.\n",
  });
  await it.router.apply(service("shop", [httpFrontend(port)], [shop.upstream]), options);
  expect((await get("other.example.com")).server).toBe(shop.id);
  await it.router.apply(service("blog", [httpFrontend(port, "blog.example.com")], []), options);
  expect(await get("blog.example.com")).toMatchObject({
    status: 503,
    body: "No server of this service can answer now.\n",
  });
});

withHaproxy("HTTP/2 without TLS finds its service by :authority", async () => {
  const { connect: connectHttp2 } = await import("node:http2");
  await using it = await installation();
  await using shop = await httpBackend("shop-1-1-1");
  const port = await freePort();
  await it.router.apply(service("shop", [httpFrontend(port, "shop.example.com")], [shop.upstream]), options);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = session.request({ ":path": "/", ":authority": "shop.example.com" });
  const [headers] = await once(stream, "response");
  expect(headers[":status"]).toBe(200);
  session.destroy();
});

withHaproxy(
  "plain TCP: an open connection continues while its server is drained, and is counted",
  async () => {
    await using it = await installation();
    await using a = await tcpBackend("db-1-1-1");
    await using b = await tcpBackend("db-2-1-1");
    const port = await freePort();
    const db = (...upstreams: RoutedService["upstreams"]) =>
      service("db", [tcpFrontend(port)], upstreams, { ...health, check: { kind: "tcp" } });
    await it.router.apply(db(a.upstream), options);
    const old = connect(port, "127.0.0.1");
    expect(await echo(old, "1")).toBe("db-1-1-1:1");
    await it.router.apply(db({ ...a.upstream, weight: 0 }, b.upstream), options);
    const fresh = connect(port, "127.0.0.1");
    expect(await echo(fresh, "2")).toBe("db-2-1-1:2");
    expect(await echo(old, "3")).toBe("db-1-1-1:3");
    expect(await it.router.open("db", a.id, options)).toBe(1);
    // A reload leaves the connection in the old worker, where it still counts.
    await it.router.apply(service("shop", [httpFrontend(await freePort())], []), options);
    expect(await echo(old, "4")).toBe("db-1-1-1:4");
    expect(await it.router.open("db", a.id, options)).toBe(1);
    old.destroy();
    await vi.waitFor(async () => expect(await it.router.open("db", a.id, options)).toBe(0), 60_000);
    expect(await it.router.open("unknown", "unknown-1-1-1", options)).toBe(0);
    fresh.destroy();
  },
);

withHaproxy("a WebSocket continues across a reload and is counted", async () => {
  await using it = await installation();
  // Key and answer of RFC 6455, section 1.3: HAProxy compares them.
  const server = createHttpServer().on("upgrade", (_, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    socket.write("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    socket.on("data", (data: Buffer) => socket.write(`echo ${data}`)).on("end", () => socket.end());
    socket.on("error", () => {});
  });
  const a = upstream("shop-1-1-1", await listen(server, "127.0.0.1"));
  const port = await freePort();
  await it.router.apply(
    service("shop", [httpFrontend(port)], [a], { ...health, check: { kind: "tcp" } }),
    options,
  );
  const client = connect(port, "127.0.0.1");
  const ask = "GET / HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  expect(await echo(client, ask + key)).toMatch(/^HTTP\/1.1 101 /);
  expect(await echo(client, "1")).toBe("echo 1");
  await it.router.apply(service("other", [httpFrontend(await freePort())], []), options);
  expect(await echo(client, "2")).toBe("echo 2");
  expect(await it.router.open("shop", a.id, options)).toBe(1);
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

withHaproxy(
  "long connections are closed bit by bit, also in a worker that leaves; requests are not",
  async () => {
    await using it = await installation();
    await using db = await tcpBackend("db-1-1-1");
    await using shop = await httpBackend("shop-1-1-1");
    const [port, webPort] = [await freePort(), await freePort()];
    const tcp = { ...health, check: { kind: "tcp" } } as const;
    await it.router.apply(service("db", [tcpFrontend(port)], [db.upstream], tcp), options);
    const clients = Array.from({ length: 20 }, () => connect(port, "127.0.0.1"));
    for (const client of clients.slice(0, 10)) await echo(client, "1");
    await it.router.apply(service("shop", [httpFrontend(webPort)], [shop.upstream]), options);
    for (const client of clients.slice(10)) await echo(client, "1");
    const slow = send({ port: webPort, keepAlive: false, kind: "GET", path: "/slow?ms=2000" });
    await vi.waitUntil(async () => (await it.router.open("shop", shop.id, options)) === 1, 60_000);
    const left: number[] = [];
    for (const progress of [0, 0.5, 1]) {
      for (const [name, id] of [
        ["db", db.id],
        ["shop", shop.id],
        ["db", "db-1-2-1"],
      ] as const)
        await it.router.closeLong?.(name, id, progress, options);
      left.push(await it.router.open("db", db.id, options));
    }
    expect(left[0]).toBe(20);
    expect(left[1]).toBeGreaterThan(0);
    expect(left[1]).toBeLessThan(20);
    expect(left[2]).toBe(0);
    await vi.waitUntil(() => clients.every((client) => client.readableEnded), 60_000);
    expect((await slow).status).toBe(200);
    for (const client of clients) client.destroy();
  },
);

withHaproxy("weights are shares of new requests", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  await using b = await httpBackend("shop-2-1-1");
  const port = await freePort();
  const upstreams = [
    { ...a.upstream, weight: 150 },
    { ...b.upstream, weight: 50 },
  ];
  await it.router.apply(service("shop", [httpFrontend(port)], upstreams), options);
  for (let i = 0; i < 100; i++) await send({ port, keepAlive: false, kind: "GET" });
  expect([a.answered(), b.answered()]).toEqual([75, 25]);
});

withHaproxy("a port of another program is refused, with its name, and nothing changes", async () => {
  await using it = await installation();
  const [port, taken] = [await freePort(), await freePort()];
  const shop = service("shop", [httpFrontend(port)], []);
  await it.router.apply(shop, options);
  const other = createServer();
  await listen(other, "127.0.0.1", taken);
  const refusal = expect.objectContaining({
    code: "port_taken",
    message: expect.stringMatching(new RegExp(`^Port ${taken} is taken by .+ \\(pid ${process.pid}\\)`)),
  });
  const blog = service("blog", [httpFrontend(taken)], []);
  await expect(it.router.check("blog", blog.frontends, options)).rejects.toEqual(refusal);
  await expect(it.router.apply(blog, options)).rejects.toEqual(refusal);
  expect(await it.router.observe(options)).toEqual([shop]);
  await new Promise((resolve) => other.close(resolve));
  await it.router.check("blog", blog.frontends, options);
  await it.router.apply(blog, options);
});

withHaproxy("a port of another service is refused, whether HAProxy runs or not", async () => {
  await using it = await installation();
  const port = await freePort();
  await it.router.apply(service("shop", [httpFrontend(port, "a.example.com")], []), options);
  const refusal = expect.objectContaining({
    code: "traffic_conflict",
    message: expect.stringContaining("shop"),
  });
  const twice = [httpFrontend(port, "a.example.com")];
  await expect(it.router.apply(service("blog", twice, []), options)).rejects.toEqual(refusal);
  await expect(it.router.check("blog", [tcpFrontend(port)], options)).rejects.toEqual(refusal);
  await killRouter(it.state.router);
  await expect(it.router.apply(service("blog", twice, []), options)).rejects.toEqual(refusal);
});

withHaproxy("a killed HAProxy is noticed, and the next apply brings every service back", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  await using b = await httpBackend("blog-1-1-1");
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const shop = service("shop", [httpFrontend(ports[0])], [{ ...a.upstream, weight: 7 }]);
  const blog = service("blog", [httpFrontend(ports[1])], [b.upstream]);
  const gone = service("gone", [httpFrontend(ports[2])], []);
  for (const each of [shop, blog, gone]) await it.router.apply(each, options);
  await killRouter(it.state.router);
  expect(await it.router.observe(options)).toEqual([]);
  expect(await it.router.open("shop", a.id, options)).toBe(0);
  // Whose port was taken meanwhile is left out, and hears of it when it is applied itself.
  const other = createServer();
  await listen(other, "127.0.0.1", ports[2]);
  await it.another().apply(blog, options);
  expect(await it.router.observe(options)).toEqual(expect.arrayContaining([shop, blog]));
  expect((await send({ port: ports[0], keepAlive: false, kind: "GET" })).server).toBe(a.id);
  await expect(it.router.apply(gone, options)).rejects.toMatchObject({ code: "port_taken" });
  await new Promise((resolve) => other.close(resolve));
});

withHaproxy("removing closes the frontends; stop leaves nothing", async () => {
  await using it = await installation();
  const port = await freePort();
  await it.router.apply(service("shop", [httpFrontend(port)], []), options);
  await it.router.remove("shop", options);
  await it.router.remove("shop", options);
  expect(await it.router.observe(options)).toEqual([]);
  await listenable(port);
  await it.router.apply(service("shop", [httpFrontend(port)], []), options);
  const { master, worker } = await processIds(it.state.router);
  await it.router.stop(options);
  expect([master, worker].filter(isAlive)).toEqual([]);
  await expect(stat(it.state.router)).rejects.toMatchObject({ code: "ENOENT" });
  await it.router.stop(options);
});

withHaproxy(
  "a server that hangs leaves the rotation without a controller; one that answers 500 does not",
  async () => {
    await using it = await installation();
    await using good = await httpBackend("shop-1-1-1");
    const port = await freePort();
    await using bad = await childBackend("shop-1-2-1");
    await it.router.apply(service("shop", [httpFrontend(port)], [good.upstream, bad.upstream]), options);
    for (let i = 0; i < 60; i++) await send({ port, keepAlive: false, kind: "POST", path: "/500" });
    expect(await upServers(it.state.router)).toEqual([good.id, bad.id]);
    bad.signal("SIGSTOP");
    await vi.waitFor(async () => expect(await upServers(it.state.router)).toEqual([good.id]), 10_000);
    for (let i = 0; i < 20; i++) {
      expect((await send({ port, keepAlive: false, kind: "POST" })).server).toBe(good.id);
    }
    bad.signal("SIGCONT");
    await vi.waitFor(async () => expect(await upServers(it.state.router)).toHaveLength(2), 10_000);
  },
);

withHaproxy("a server with an open request stays until it is answered, and is gone afterwards", async () => {
  await using it = await installation();
  await using a = await httpBackend("shop-1-1-1");
  await using b = await httpBackend("shop-2-1-1");
  const port = await freePort();
  const shop = (...upstreams: RoutedService["upstreams"]) => service("shop", [httpFrontend(port)], upstreams);
  await it.router.apply(shop(a.upstream), options);
  const slow = send({ port, keepAlive: false, kind: "GET", path: "/?ms=500" });
  await vi.waitFor(async () => expect(await it.router.open("shop", a.id, options)).toBe(1), 60_000);
  await it.router.apply(shop(b.upstream), options);
  expect(await it.router.observe(options)).toEqual([shop(b.upstream)]);
  expect((await slow).server).toBe(a.id);
  await vi.waitFor(async () => {
    await it.router.apply(shop(b.upstream), options);
    const reply = await ask(`${it.state.router}/runtime.sock`, ["show servers state"], options.signal);
    const present = parseServers(reply ?? "").filter((s) => s.backend === "http:shop");
    expect(present.map((s) => s.name)).toEqual([b.id]);
  }, 5_000);
});

withHaproxy("300 servers and 20 services are set and read back", async () => {
  await using it = await installation();
  const port = await freePort();
  for (let i = 0; i < 20; i++) {
    await it.router.apply(service(`s${i}`, [httpFrontend(port, `s${i}.example.com`)], []), options);
  }
  const upstreams = Array.from({ length: 300 }, (_, i) =>
    upstream(`s0-1-${i + 1}-1`, 9, 100, `127.1.${i >> 8}.${i & 255}`),
  );
  const quiet = { ...health, intervalMs: 60_000 };
  const big = service("s0", [httpFrontend(port, "s0.example.com")], upstreams, quiet);
  await it.router.apply({ ...big, upstreams: [] }, options);
  const startMs = performance.now();
  await it.router.apply(big, options);
  const switchMs = performance.now();
  await it.router.apply({ ...big, upstreams: upstreams.map((t) => ({ ...t, weight: 0 })) }, options);
  console.log(
    `300 servers added in ${(switchMs - startMs).toFixed(0)} ms, all weights set in ${(performance.now() - switchMs).toFixed(0)} ms`,
  );
  const observed = await it.router.observe(options);
  expect(observed).toHaveLength(20);
  expect(observed.find((s) => s.service === "s0")?.upstreams.every((t) => t.weight === 0)).toBe(true);
});

function service(
  name: string,
  frontends: RoutedService["frontends"],
  upstreams: RoutedService["upstreams"],
  checks = health,
): RoutedService {
  return { service: name, frontends, upstreams, health: checks };
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, "data");
  socket.write(text);
  return String((await answer)[0]);
}

async function processIds(folder: string): Promise<{ master: number; worker: number }> {
  const reply = (await ask(`${folder}/master.sock`, ["show proc"], options.signal)) ?? "";
  const id = (kind: string) => Number(new RegExp(`^(\\d+)\\s+${kind}`, "m").exec(reply)?.[1]);
  return { master: id("master"), worker: id("worker") };
}

/** `kill -9` of the worker; its master then ends too. */
async function killRouter(folder: string): Promise<void> {
  const { master, worker } = await processIds(folder);
  process.kill(worker, "SIGKILL");
  await vi.waitFor(() => expect(isAlive(master)).toBe(false), 60_000);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function listenable(port: number): Promise<void> {
  await vi.waitFor(async () => {
    const server = createServer();
    await listen(server, "0.0.0.0", port);
    await new Promise((resolve) => server.close(resolve));
  }, 5_000);
}

async function upServers(folder: string): Promise<readonly string[]> {
  const reply = await ask(`${folder}/runtime.sock`, ["show servers state http:shop"], options.signal);
  return parseServers(reply ?? "")
    .filter((s) => s.up)
    .map((s) => s.name);
}

withHaproxy("answers are counted by server, with their errors and response times", async () => {
  await using it = await installation();
  await using fast = await httpBackend("shop-1-1-1");
  await using slow = await httpBackend("shop-2-1-1");
  const port = await freePort();
  const of = (backend: typeof fast) => service("shop", [httpFrontend(port)], [backend.upstream]);
  await it.router.apply(of(fast), options);
  for (let i = 0; i < 5; i++) await fetch(`http://127.0.0.1:${port}/`);
  await it.router.apply(
    service("shop", [httpFrontend(port)], [{ ...fast.upstream, weight: 0 }, slow.upstream]),
    options,
  );
  for (let i = 0; i < 3; i++) await fetch(`http://127.0.0.1:${port}/slow?ms=120`);
  const counts = await it.router.counts("shop", options);
  const byId = new Map(counts.map((c) => [c.id, c]));
  expect(byId.get(fast.id)).toMatchObject({ requests: 5, errors: 0 });
  expect(byId.get(slow.id)).toMatchObject({ requests: 3, errors: 0 });
  const slower = byId.get(slow.id)?.latency.slice(latencyBoundsMs.indexOf(100) + 1) ?? [];
  expect(slower.reduce((sum, count) => sum + count, 0)).toBe(3);
  expect((await it.router.counts(undefined, options)).map(({ id }) => id).sort()).toEqual([fast.id, slow.id]);
  expect(await it.router.counts("unknown", options)).toEqual([]);
});

withHaproxy(
  "without a server a port of plain TCP closes what comes in, and one of http answers 503",
  async () => {
    await using it = await installation();
    const [tcp, http] = [await freePort(), await freePort()];
    await it.router.apply(service("shop_preview", [tcpFrontend(tcp)], []), options);
    await it.router.apply(service("blog_preview", [httpFrontend(http)], []), options);
    const socket = connect(tcp, "127.0.0.1");
    const data: Buffer[] = [];
    socket.on("data", (chunk) => data.push(chunk)).on("error", () => {});
    await once(socket, "close");
    expect(data).toEqual([]);
    expect((await fetch(`http://127.0.0.1:${http}/`)).status).toBe(503);
  },
);
