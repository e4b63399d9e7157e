import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { networkProber } from "./network-prober.ts";
import type { ProbeTarget } from "./prober.ts";

const cleanups: (() => Promise<unknown>)[] = [];
const checks: AbortController[] = [];

afterEach(async () => {
  for (const controller of checks.splice(0)) controller.abort();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** Status of HealthCheckResponse by the name that is asked for; `silent` never answers, a number is a gRPC status. */
type Known = Readonly<Record<string, "SERVING" | "NOT_SERVING" | "silent" | number>>;

interface GrpcServer {
  readonly port: number;
  readonly asked: string[];
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

/** A gRPC server with HTTP/2 in plain. */
async function serve(known: Known): Promise<GrpcServer> {
  const asked: string[] = [];
  let connections = 0;
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    connections += 1;
    sessions.add(session);
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => {
      const message = Buffer.concat(parts).subarray(5);
      const name = message.length === 0 ? "" : message.subarray(2).toString();
      asked.push(`${headers[":method"]} ${headers[":path"]} ${headers[":authority"]} ${name}`);
      answer(stream, known[name] ?? 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const close = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of sessions) session.destroy();
    await closed;
  };
  cleanups.push(() => close().catch(() => undefined));
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, asked, connections: () => connections, close };
}

function answer(stream: ServerHttp2Stream, status: Known[string]): void {
  if (status === "silent") return;
  const head = { ":status": 200, "content-type": "application/grpc" };
  if (typeof status === "number") {
    stream.respond({ ...head, "grpc-status": `${status}`, "grpc-message": "told" }, { endStream: true });
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status === "SERVING" ? 1 : 2]));
}

function target(port: number, service = "", overrides: Partial<ProbeTarget> = {}): ProbeTarget {
  const check = { kind: "grpc", service } as const;
  return {
    ...{ id: "shop-1-1-1", address: "127.0.0.1", port, host: undefined, check, timeoutMs: 60_000 },
    ...overrides,
  };
}

function prober() {
  const controller = new AbortController();
  checks.push(controller);
  const { probe } = networkProber();
  return { probe: (asked: ProbeTarget) => probe(asked, controller.signal), stop: () => controller.abort() };
}

test("it asks the server, or one of its services, and passes what is SERVING", async () => {
  const server = await serve({ "": "SERVING", "shop.v1.Shop": "NOT_SERVING", broken: 13, none: 12 });
  const { probe } = prober();
  const ask = (service: string) => probe(target(server.port, service));
  expect(await ask("")).toEqual({ ok: true, words: "gRPC health answered SERVING" });
  expect(await ask("shop.v1.Shop")).toEqual({
    ok: false,
    words: "gRPC health of shop.v1.Shop answered NOT_SERVING",
  });
  expect(await ask("other")).toMatchObject({ ok: false, words: expect.stringContaining("is not known") });
  expect(await ask("broken")).toEqual({
    ok: false,
    words: "gRPC health of broken failed with gRPC status 13: told",
  });
  expect(await ask("none")).toMatchObject({ words: expect.stringContaining("is not implemented") });
  expect(server.asked[1]).toBe(`POST /grpc.health.v1.Health/Check 127.0.0.1:${server.port} shop.v1.Shop`);
});

test("it asks for the service's host name", async () => {
  const server = await serve({ "": "SERVING" });
  await prober().probe(target(server.port, "", { host: "shop.example.com" }));
  expect(server.asked[0]).toContain(" shop.example.com ");
});

test("a connection is asked four times, then a new one has to be accepted", async () => {
  const server = await serve({ "": "SERVING" });
  const { probe } = prober();
  for (let check = 0; check < 9; check++)
    expect(await probe(target(server.port))).toMatchObject({ ok: true });
  expect(server.connections()).toBe(3);
});

test("a server that has closed the connection is asked on a new one, and refuses when nothing listens", async () => {
  const first = await serve({ "": "SERVING" });
  const { probe } = prober();
  expect(await probe(target(first.port))).toMatchObject({ ok: true });
  await first.close();
  expect(await probe(target(first.port))).toEqual({
    ok: false,
    refused: true,
    words: "connection refused",
  });
});

test("what is silent has its time and no more; what does not speak HTTP/2 is reported as that", async () => {
  const server = await serve({ "": "silent" });
  const { probe } = prober();
  expect(await probe(target(server.port, "", { timeoutMs: 1_500 }))).toEqual({
    ok: false,
    words: "gRPC health had no answer within 1.5 s",
  });
  const foreign = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => new Promise((resolve) => foreign.close(resolve)));
  const address = foreign.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  expect(await probe(target(port))).toEqual({ ok: false, words: "answered something that is not HTTP/2" });
});

test("the end of the checks ends a check on its way", async () => {
  const server = await serve({ "": "silent" });
  const { probe, stop } = prober();
  const probing = probe(target(server.port));
  while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  stop();
  expect(await probing).toEqual({ ok: false, words: "cancelled" });
});
