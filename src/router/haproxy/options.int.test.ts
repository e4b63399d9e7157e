import { Agent, type IncomingHttpHeaders, request } from "node:http";
import {
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type IncomingHttpHeaders as Http2Headers,
} from "node:http2";
import { connect } from "node:net";
import { expect, test } from "vitest";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { mostTrafficBytes, trafficBytes } from "../../domain/traffic/listener.ts";
import { freePort } from "../../lib/testing.ts";
import {
  health,
  httpBackend,
  httpFrontend,
  listen,
  tcpBackend,
  tcpFrontend,
  upstream,
} from "./config/fixtures.ts";
import { installation, missingHaproxy, workerOf } from "./process/installation.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

withHaproxy("requests are redirected to https and to the main host name, with path and query", async () => {
  await using it = await installation();
  await using shop = await httpBackend("shop");
  const [port, http, other] = [await freePort(), await freePort(), await freePort()];
  const frontend: TrafficSpec = {
    ...httpFrontend(port),
    hosts: ["shop.example", "*.shop.example"],
    redirect: { http, hosts: ["shop.test"] },
  };
  await it.router.apply(
    { service: "shop", frontends: [frontend], health, upstreams: [shop.upstream] },
    options,
  );
  const location = async (listen: number, host: string, method = "GET") => {
    const { status, headers } = await ask(listen, { path: "/a/b?c=d%20", method, headers: { host } });
    return [status, headers.location];
  };
  // Without a certificate in this test, the address of the service is one of http.
  expect(await location(http, `Shop.example:${http}`)).toEqual([
    308,
    `http://shop.example:${port}/a/b?c=d%20`,
  ]);
  expect(await location(http, "a.shop.example", "POST")).toEqual([
    308,
    `http://a.shop.example:${port}/a/b?c=d%20`,
  ]);
  expect(await location(http, "shop.test")).toEqual([308, `http://shop.example:${port}/a/b?c=d%20`]);
  expect(await location(port, "shop.test")).toEqual([308, `http://shop.example:${port}/a/b?c=d%20`]);
  expect(await location(port, "shop.example")).toEqual([200, undefined]);
  expect(await location(http, "unknown.example")).toEqual([404, undefined]);

  // Another service may share the port of the redirects, and no other may take the names on it.
  const blog = (listen: number, host: string) => ({
    service: "blog",
    frontends: [httpFrontend(listen, host)],
    health,
    upstreams: [shop.upstream],
  });
  await it.router.apply(blog(http, "blog.example"), options);
  expect(await location(http, "blog.example")).toEqual([200, undefined]);
  await expect(it.router.check("blog", [httpFrontend(http, "shop.test")], options)).rejects.toMatchObject({
    message: `The service blog can't have shop.test on port ${http}: the service shop has it already.`,
  });
  // A port for redirects is a port that the service has to have.
  await using taken = await httpBackend("taken");
  const moved = { ...httpFrontend(other), redirect: { http: taken.upstream.port } };
  await expect(it.router.check("third", [moved], options)).rejects.toMatchObject({ code: "port_taken" });
});

withHaproxy(
  "a client stays with its server by a cookie, also across a reload, until that server is drained",
  async () => {
    await using it = await installation();
    await using a = await httpBackend("shop-1-1-1");
    await using b = await httpBackend("shop-1-2-1");
    await using c = await httpBackend("shop-1-3-1");
    const port = await freePort();
    const frontends: readonly TrafficSpec[] = [{ ...httpFrontend(port), sticky: true }];
    const apply = (upstreams: readonly { weight?: number; backend: typeof a }[]) =>
      it.router.apply(
        {
          service: "shop.dev",
          frontends,
          health,
          upstreams: upstreams.map(({ weight = 100, backend }) => ({ ...backend.upstream, weight })),
        },
        options,
      );
    await apply([{ backend: a }, { backend: b }]);
    const serverOf = async (cookie?: string) => {
      const answer = await ask(port, { headers: cookie === undefined ? {} : { cookie } });
      return {
        server: (JSON.parse(answer.body) as { id: string }).id,
        set: answer.headers["set-cookie"]?.[0],
      };
    };
    const clients = await Promise.all(Array.from({ length: 40 }, () => serverOf()));
    const known = clients.map(({ server, set = "" }) => ({ server, cookie: set.split(";")[0] ?? "" }));
    expect(clients[0]?.set).toMatch(/^kiln_shop_dev=[0-9a-f-]{36}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(new Set(known.map(({ cookie }) => cookie)).size).toBe(40);
    expect(new Set(known.map(({ server }) => server))).toEqual(new Set([a.id, b.id]));
    const expectStay = async () => {
      for (const { server, cookie } of known)
        expect(await serverOf(cookie)).toEqual({ server, set: undefined });
    };
    await expectStay();

    // A reload for another service, and a server that is added while HAProxy runs and leaves again.
    const worker = await workerOf(it.state.router);
    const blog = { service: "blog", frontends: [httpFrontend(await freePort())], health, upstreams: [] };
    await it.router.apply(blog, options);
    expect(await workerOf(it.state.router)).not.toBe(worker);
    await expectStay();
    await apply([{ backend: a }, { backend: b }, { backend: c }]);
    const moved = await Promise.all(known.map(async ({ cookie }) => (await serverOf(cookie)).server));
    for (const [i, { server }] of known.entries()) expect([server, c.id]).toContain(moved[i]);
    expect(moved).toContain(c.id);
    await apply([{ backend: a }, { backend: b }]);
    await expectStay();

    await apply([{ backend: a, weight: 0 }, { backend: b }]);
    for (const { cookie } of known) expect((await serverOf(cookie)).server).toBe(b.id);
  },
);

withHaproxy(
  "gRPC: streams in both directions, trailers and statuses reach servers of h2c and come back",
  async () => {
    await using it = await installation();
    const seen: Http2Headers[] = [];
    const server = createHttp2Server();
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      if (headers[":path"] === "/health") return void stream.respond({ ":status": 200 }, { endStream: true });
      seen.push(headers);
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "7", "grpc-message": "no" }));
      stream.on("data", (chunk: Buffer) => stream.write(`echo ${chunk}`));
      stream.on("end", () => stream.end("done"));
    });
    const backend = await listen(server as unknown as Parameters<typeof listen>[0], "127.0.0.1");
    const port = await freePort();
    const frontends: readonly TrafficSpec[] = [{ ...httpFrontend(port), protocol: "h2c" }];
    const tcp = { ...health, check: { kind: "tcp" as const } };
    await it.router.apply(
      {
        service: "rpc",
        frontends,
        health: tcp,
        upstreams: [{ ...upstream("rpc-1", backend), protocol: "h2c" }],
      },
      options,
    );
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = client.request({
      ...{ ":method": "POST", ":path": "/pkg.Service/Chat" },
      ...{ te: "trailers", "content-type": "application/grpc", "grpc-timeout": "5S" },
    });
    const trailers = new Promise<Http2Headers>((resolve) => stream.once("trailers", resolve));
    const reader = readerOf(stream);
    stream.write("one");
    expect(await reader.next()).toBe("echo one");
    stream.write("two");
    expect(await reader.next()).toBe("echo two");
    stream.end();
    expect(await reader.next()).toBe("done");
    expect(await trailers).toMatchObject({ "grpc-status": "7", "grpc-message": "no" });
    expect(seen[0]).toMatchObject({ te: "trailers", "grpc-timeout": "5S", "x-forwarded-for": "127.0.0.1" });
    client.close();
    server.close();
  },
);

withHaproxy(
  "a request that is larger than its service allows gets a true answer, another service none",
  async () => {
    await using it = await installation();
    await using shop = await httpBackend("shop");
    const port = await freePort();
    const limited: TrafficSpec = {
      ...httpFrontend(port, "shop.example"),
      limits: { bodyBytes: 1000, headersBytes: 500 },
    };
    const rest = { health, upstreams: [shop.upstream] };
    await it.router.apply({ service: "shop", frontends: [limited], ...rest }, options);
    await it.router.apply(
      { service: "blog", frontends: [httpFrontend(port, "blog.example")], ...rest },
      options,
    );
    const post = async (host: string, bytes: number, more: Readonly<Record<string, string>> = {}) => {
      const body = "x".repeat(bytes);
      const {
        status,
        headers,
        body: text,
      } = await ask(port, { method: "POST", headers: { host, ...more }, body });
      return [status, headers["content-type"]?.split(";")[0], status === 200 ? "" : text];
    };
    expect((await post("shop.example", 1000))[0]).toBe(200);
    expect(await post("shop.example", 1001)).toEqual([
      413,
      "text/plain",
      "The body is larger than 1000 bytes.\n",
    ]);
    // As a client asks that does not want to send in vain.
    expect(await announce(port, "shop.example", 20_000_000)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await announce(port, "blog.example", 20_000_000)).toMatch(/^HTTP\/1\.1 100 /);
    expect((await post("blog.example", 2_000_000))[0]).toBe(200);
    expect(await post("shop.example", 10, { "transfer-encoding": "chunked" })).toEqual([
      411,
      "text/plain",
      "The request has to state the length of its body.\n",
    ]);
    expect((await post("blog.example", 10, { "transfer-encoding": "chunked" }))[0]).toBe(200);
    expect(await post("shop.example", 0, { "x-long": "y".repeat(500) })).toEqual([
      431,
      "text/plain",
      "The headers are larger than 500 bytes.\n",
    ]);
    expect((await post("blog.example", 0, { "x-long": "y".repeat(5000) }))[0]).toBe(200);
    expect(
      (await ask(port, { headers: { host: "shop.example", ...{ "x-f": "z".repeat(300) } } })).status,
    ).toBe(200);
    expect((await post("blog.example", 0, { "x-long": "y".repeat(16_000) }))[0]).toBe(400);
  },
);

withHaproxy(
  "a server that is silent for longer than its service allows is answered for with 504",
  async () => {
    await using it = await installation();
    await using shop = await httpBackend("shop");
    await using echo = await tcpBackend("echo");
    const [port, tcp] = [await freePort(), await freePort()];
    const frontend = { ...httpFrontend(port), limits: { timeoutMs: 1_000 } };
    await it.router.apply(
      { service: "shop", frontends: [frontend], health, upstreams: [shop.upstream] },
      options,
    );
    for (const method of ["GET", "POST"]) {
      const { status, body } = await ask(port, { method, path: "/slow?ms=4000" });
      expect([status, body]).toEqual([504, "The server did not answer in time.\n"]);
    }
    expect((await ask(port, { path: "/slow?ms=100" })).status).toBe(200);
    const idle = { ...tcpFrontend(tcp), limits: { idleMs: 2_000 } };
    const alive = { ...health, check: { kind: "alive" as const } };
    await it.router.apply(
      { service: "echo", frontends: [idle], health: alive, upstreams: [echo.upstream] },
      options,
    );
    const socket = connect(tcp, "127.0.0.1");
    const ended = new Promise((resolve) => socket.once("close", resolve));
    socket.write("hello");
    await new Promise((resolve) => socket.once("data", resolve));
    await ended;
  },
);

withHaproxy("a service without a server answers with its own page, as it is written", async () => {
  await using it = await installation();
  const port = await freePort();
  const page = `<h1>Back "soon"</h1>\n<p style='x'>100 % \\ $HOME %[src] ü</p>\n`;
  const apply = (service: string, maintenance?: string) =>
    it.router.apply(
      {
        service,
        frontends: [{ ...httpFrontend(port, `${service}.example`), maintenance }],
        health,
        upstreams: [],
      },
      options,
    );
  await apply("shop", page);
  await apply("text", "Back soon.");
  await apply("none");
  for (const method of ["GET", "POST"]) {
    const at = (service: string) => ask(port, { method, headers: { host: `${service}.example` } });
    const { status, headers, body } = await at("shop");
    expect([status, headers["content-type"], body]).toEqual([503, "text/html; charset=utf-8", page]);
    const text = await at("text");
    expect([text.headers["content-type"], text.body]).toEqual(["text/plain; charset=utf-8", "Back soon."]);
    expect((await at("none")).body).toBe("No server of this service can answer now.\n");
  }
  // A router that reads it back has nothing to change.
  const worker = await workerOf(it.state.router);
  await apply("shop", page);
  expect(await workerOf(it.state.router)).toBe(worker);
});

withHaproxy("the longest traffic of three releases at once is read back from the router", async () => {
  await using it = await installation();
  const paths = Array.from({ length: 90 }, (_, i) => `/a-path-of-some-length-${i}`);
  const long = async (letter: string) => {
    const frontend = { ...httpFrontend(await freePort()), paths, maintenance: "" };
    const room = mostTrafficBytes - trafficBytes(frontend);
    const full = {
      ...frontend,
      maintenance: letter.repeat(
        Math.floor(room / (trafficBytes({ ...frontend, maintenance: letter }) - trafficBytes(frontend))),
      ),
    };
    expect(trafficBytes(full)).toBeGreaterThan(mostTrafficBytes - 6);
    return full;
  };
  const frontends = [await long("'"), await long("\n"), await long("ü")];
  const check = { kind: "http" as const, path: `/${"h".repeat(1999)}` };
  const service = { service: "shop", frontends, health: { ...health, check }, upstreams: [] };
  await it.router.apply(service, options);
  await it.router.apply(
    { ...service, service: "blog", frontends: [httpFrontend(await freePort())] },
    options,
  );
  const seen = (await it.router.observe(options)).find((found) => found.service === "shop");
  expect(new Set(seen?.frontends)).toEqual(new Set(frontends));
});

withHaproxy(
  "servers of HTTP/1.1 and h2c stand side by side during a rollout, also across a reload",
  async () => {
    await using it = await installation();
    await using old = await httpBackend("shop-1-1-1");
    const server = createHttp2Server();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200 });
      stream.end(JSON.stringify({ id: "shop-2-1-2" }));
    });
    const backend = await listen(server as unknown as Parameters<typeof listen>[0], "127.0.0.1");
    const next = { ...upstream("shop-2-1-2", backend), protocol: "h2c" as const };
    const port = await freePort();
    const check = { kind: "tcp" as const };
    const service = { service: "shop", frontends: [httpFrontend(port)], health: { ...health, check } };
    const answers = async () => {
      const ids = new Set<string>();
      for (let i = 0; i < 8; i++) {
        const { status, body } = await ask(port, { method: i % 4 < 2 ? "GET" : "POST" });
        ids.add(status === 200 ? (JSON.parse(body) as { id: string }).id : `${status}`);
      }
      return ids;
    };
    await it.router.apply({ ...service, upstreams: [old.upstream] }, options);
    await it.router.apply({ ...service, upstreams: [old.upstream, next] }, options);
    const both = new Set([old.id, next.id]);
    expect(await answers()).toEqual(both);
    const blog = { ...service, service: "blog", frontends: [httpFrontend(await freePort())], upstreams: [] };
    await it.another().apply(blog, options);
    expect(await answers()).toEqual(both);
    await it.router.apply({ ...service, upstreams: [next] }, options);
    expect(await answers()).toEqual(new Set([next.id]));
    server.close();
  },
);

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(port: number, { path = "/", method = "GET", headers = {}, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    let answered = false;
    const outgoing = request({ port, path, method, headers, agent }, (response) => {
      answered = true;
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    // What a server does not want to read is not read to its end.
    outgoing.on("error", (error) => {
      if (!answered) reject(error);
    });
    outgoing.end(body);
  });
}

/** The first answer to the head of a request whose body is still to come. */
function announce(port: number, host: string, bytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes}\r\nExpect: 100-continue\r\n\r\n`;
    const socket = connect(port, "127.0.0.1", () => socket.write(head));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(String(data));
    });
    socket.once("error", reject);
  });
}

function readerOf(stream: ClientHttp2Stream) {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return { next: async () => String((await chunks.next()).value) };
}
