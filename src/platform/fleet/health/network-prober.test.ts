import { createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { networkProber } from "./network-prober.ts";
import type { ProbeTarget } from "./prober.ts";

const open: Server[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((done) => server.close(done))));
});

/** A TCP server that answers whatever it is asked with these pieces, then closes unless told to hold. */
async function serve(
  pieces: readonly string[],
  options: { hold?: boolean } = {},
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => {
      asked.push(data.toString());
      for (const piece of pieces) socket.write(piece);
      if (!options.hold) socket.end();
    });
  });
  open.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, asked };
}

function target(port: number, overrides: Partial<ProbeTarget> = {}): ProbeTarget {
  const check = { kind: "http", path: "/health" } as const;
  return {
    id: "shop-1-1-1",
    address: "127.0.0.1",
    port,
    host: undefined,
    check,
    timeoutMs: 5_000,
    ...overrides,
  };
}

test("a fault whose body never comes is reported when the time is over", async () => {
  const { port } = await serve(["HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\n"], { hold: true });
  const answer = networkProber().probe(target(port, { timeoutMs: 1_500 }), never);
  expect(await answer).toEqual({ ok: false, words: "GET /health answered 500" });
});

test.each([
  ["HTTP/1.1 200 OK\r\n\r\nhello", true, "GET /health answered 200"],
  ["HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", true, "GET /health answered 302"],
  [
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    true,
    "GET /health answered 204",
  ],
  ["HTTP/1.1 500 Oops\r\n\r\n", false, "GET /health answered 500"],
  ["HTTP/1.1 404 Not Found\r\n\r\n", false, "GET /health answered 404"],
  [
    'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"error":"none"}\n',
    false,
    'GET /health answered 404: {"error":"none"}',
  ],
  [
    "HTTP/1.1 503 Oops\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\ndatabase \u001b[2Jis\nmissing: \u00c3\u00a4\r\n0\r\n\r\n",
    false,
    "GET /health answered 503: database [2Jis missing: Ã¤",
  ],
  [
    "HTTP/1.1 500 Oops\r\n\r\n<html><head><title>x</title></head>\n<body><h1>Internal error</h1><hr>nginx",
    false,
    "GET /health answered 500: Internal error nginx",
  ],
  ["SSH-2.0-OpenSSH_9.2\r\n", false, "GET /health answered something that is not HTTP"],
  ["", false, "GET /health was cut off without an answer"],
])("%j is %s: %s", async (answer, ok, words) => {
  const { port } = await serve([answer]);
  expect(await networkProber().probe(target(port), never)).toEqual({ ok, words });
});

test("an answer may come in pieces, with a body longer than is read", async () => {
  const { port } = await serve(["HTT", "P/1.1 2", "00 OK\r\n\r\n", "x".repeat(300_000)]);
  expect(await networkProber().probe(target(port), never)).toMatchObject({ ok: true });
});

const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const inChunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nstatus\r\n4\r\n: ok\r\n0\r\n\r\n";

test.each([
  [{ statuses: [{ first: 401, last: 401 }] }, "HTTP/1.1 401 No\r\n\r\n", true, "GET /health answered 401"],
  [
    { statuses: [{ first: 200, last: 299 }] },
    "HTTP/1.1 302 Found\r\n\r\n",
    false,
    "GET /health answered 302",
  ],
  [{ body: "ok" }, ok("all is ok"), true, "GET /health answered 200"],
  [
    { body: "ok" },
    ok("database is missing"),
    false,
    'GET /health answered 200, but its body has no "ok": database is missing',
  ],
  [{ body: "status: ok" }, inChunks, true, "GET /health answered 200"],
  [{ body: "status: okay" }, inChunks, false, undefined],
  [{ body: "\u00e4" }, "HTTP/1.1 200 OK\r\n\r\n\u00e4", true, "GET /health answered 200"],
  [{ body: "end" }, `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(70_000)}end`, false, undefined],
  [{ method: "HEAD" }, "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", true, "HEAD /health answered 200"],
] as const)("an expectation such as %j of %j is met: %s", async (expected, answer, isOk, words) => {
  const { port } = await serve([answer]);
  const check = { kind: "http", path: "/health", ...expected } as const;
  const result = await networkProber().probe(target(port, { check, timeoutMs: 60_000 }), never);
  expect(result.ok).toBe(isOk);
  if (words !== undefined) expect(result.words).toBe(words);
});

test("the check decides on method, host and headers", async () => {
  const { port, asked } = await serve(["HTTP/1.1 200 OK\r\n\r\n"]);
  const headers = { "X-Check": "yes", "user-agent": "probe/1" };
  const check = { kind: "http", path: "/", method: "OPTIONS", host: "own.example", headers } as const;
  await networkProber().probe(target(port, { check, host: "shop.example.com" }), never);
  expect(asked[0]).toBe(
    "OPTIONS / HTTP/1.1\r\nHost: own.example\r\nAccept: */*\r\nConnection: keep-alive\r\nX-Check: yes\r\nuser-agent: probe/1\r\n\r\n",
  );
});

test("it asks for the service's host name, or the address", async () => {
  const { port, asked } = await serve(["HTTP/1.1 200 OK\r\n\r\n"]);
  await networkProber().probe(target(port, { host: "shop.example.com" }), never);
  await networkProber().probe(target(port, { check: { kind: "http", path: "/a b\r\nX: y" } }), never);
  expect(asked[0]).toMatch(/^GET \/health HTTP\/1\.1\r\nHost: shop\.example\.com\r\n/);
  expect(asked[1]).toMatch(
    new RegExp(`^GET /a%20b%0D%0AX:%20y HTTP/1\\.1\r\nHost: 127\\.0\\.0\\.1:${port}\r\n`),
  );
});

test("a server that expects the PROXY protocol gets its header first", async () => {
  const { port, asked } = await serve(["HTTP/1.1 200 OK\r\n\r\n"]);
  await networkProber().probe(target(port, { expectsProxy: true }), never);
  expect(asked[0]).toMatch(/^\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET \/health HTTP\/1\.1\r\n/);
});

test("a server that is silent is given its time and no more", async () => {
  const { port } = await serve([], { hold: true });
  const result = await networkProber().probe(target(port, { timeoutMs: 1_500 }), never);
  expect(result).toEqual({ ok: false, words: "GET /health had no answer within 1.5 s" });
});

test("no process listens", async () => {
  const { port } = await serve([]);
  await new Promise((done) => open.pop()?.close(done));
  expect(await networkProber().probe(target(port), never)).toEqual({
    ok: false,
    refused: true,
    words: "connection refused",
  });
});

test("an answer to another address of the machine's than the server's link has is not the server's", async () => {
  const { port, asked } = await serve(["HTTP/1.1 200 OK\r\n\r\n"], { hold: true });
  const words = "this machine sends packets for it elsewhere, and something there answers";
  const elsewhere = target(port, { from: "10.192.4.1" });
  expect(await networkProber().probe(elsewhere, never)).toEqual({ ok: false, words, unreached: true });
  expect(asked).toEqual([]);
  expect(await networkProber().probe(target(port, { from: "127.0.0.1" }), never)).toMatchObject({ ok: true });
});

test("a server that closes every connection without a word is asked at most twice for a check", async () => {
  const { port, asked } = await serve(["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
  const prober = networkProber();
  for (let check = 1; check <= 5; check++) {
    expect(await prober.probe(target(port), never)).toMatchObject({ ok: true });
    await new Promise((done) => setTimeout(done, 20)); // long enough for many more
  }
  expect(asked.length).toBeLessThanOrEqual(10);
});

test("a tcp check connects and asks nothing; an alive check does not even that", async () => {
  const { port, asked } = await serve([]);
  expect(await networkProber().probe(target(port, { check: { kind: "tcp" } }), never)).toEqual({
    ok: true,
    words: "connected",
  });
  expect(await networkProber().probe(target(port, { check: { kind: "alive" } }), never)).toMatchObject({
    ok: true,
  });
  expect(asked).toEqual([]);
});

test("a signal ends the check", async () => {
  const { port } = await serve([], { hold: true });
  const controller = new AbortController();
  const probing = networkProber().probe(target(port, { timeoutMs: 60_000 }), controller.signal);
  controller.abort();
  expect(await probing).toEqual({ ok: false, words: "cancelled" });
});

/** A server of whole answers. `oneAtATime`: it serves a connection only once the one before has ended. */
async function keeper({ oneAtATime = false } = {}) {
  const seen = { asks: 0, connections: 0, sockets: new Set<Socket>() };
  let turn = Promise.resolve();
  const server = createServer(async (socket) => {
    seen.connections += 1;
    seen.sockets.add(socket);
    const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    void ended.then(() => seen.sockets.delete(socket));
    socket.on("error", () => {});
    const before = turn;
    turn = before.then(() => ended);
    if (oneAtATime) await before;
    socket.on("data", () => {
      seen.asks += 1;
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  open.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const checks = new AbortController();
  const prober = networkProber();
  const probe = (signal = checks.signal) => prober.probe(target(port, { timeoutMs: 5_000 }), signal);
  return { server, seen, probe, stop: () => checks.abort() };
}

const passed = { ok: true, words: "GET /health answered 200" };

/** A condition that comes true when the sockets have been heard. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a connection is asked four times, then a new one has to be accepted; the old one is closed", async () => {
  const { seen, probe, stop } = await keeper();
  expect(await probe()).toEqual(passed);
  await until(() => seen.asks === 2 && seen.sockets.size === 1); // asked once more at once, on another one
  for (let check = 0; check < 12; check++) expect(await probe()).toEqual(passed);
  await until(() => seen.sockets.size === 1);
  expect(seen).toMatchObject({ asks: 14, connections: 5 });
  stop();
  await until(() => seen.sockets.size === 0);
});

test("a server that takes no connections any more is found within four checks, though it answers on the old one", async () => {
  const { server, seen, probe, stop } = await keeper();
  await probe();
  await until(() => seen.asks === 2 && seen.sockets.size === 1);
  const closed = new Promise((done) => server.close(done));
  const results = [await probe(), await probe(), await probe(), await probe()];
  expect(results).toContainEqual({ ok: false, refused: true, words: "connection refused" });
  expect(await probe()).toEqual({ ok: false, refused: true, words: "connection refused" });
  stop();
  await closed;
});

test("a server that closes an idle connection is asked on a new one", async () => {
  const { seen, probe, stop } = await keeper();
  await probe();
  await until(() => seen.asks === 2 && seen.sockets.size === 1);
  for (const socket of seen.sockets) socket.resetAndDestroy();
  expect(await probe()).toEqual(passed);
  stop();
});

test("a server that serves one connection at a time is not kept from serving others", async () => {
  const { seen, probe, stop } = await keeper({ oneAtATime: true });
  expect(await probe()).toEqual(passed);
  await until(() => seen.asks === 2); // it had to be let go for that
  for (let check = 0; check < 29; check++) {
    expect(await probe()).toEqual(passed);
    await until(() => seen.sockets.size === 0);
  }
  expect(seen).toMatchObject({ asks: 31, connections: 31 });
  expect(await probe()).toEqual(passed);
  await until(() => seen.asks === 33); // that is tried again, for it may only have had much to do
  stop();
});
