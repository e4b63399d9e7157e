import { createServer as createHttpServer, request } from "node:http";
import { connect, createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import type { TrafficSpec } from "../../domain/spec/traffic-spec.ts";
import { freePort } from "../../lib/testing.ts";
import { health, httpBackend, httpFrontend, listen, tcpFrontend, upstream } from "./config/fixtures.ts";
import { installation, missingHaproxy } from "./process/installation.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

const lies = {
  "x-forwarded-for": "1.1.1.1",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "bank.example",
  "x-forwarded-port": "1",
  "x-forwarded-server": "evil",
  "x-real-ip": "1.1.1.1",
  forwarded: "for=1.1.1.1",
  "x_forwarded-for": "1.1.1.1",
  x_real_ip: "1.1.1.1",
};

withHaproxy(
  "what strangers say of themselves is removed; what trusted proxies say is passed on",
  async () => {
    await using it = await installation();
    await using shop = await httpBackend("shop");
    await using blog = await httpBackend("blog");
    const port = await freePort();
    const trusting: TrafficSpec = {
      ...httpFrontend(port, "shop.example"),
      trustedProxies: ["127.0.0.0/8", "2001:db8::/32"],
    };
    await it.router.apply(
      { service: "shop", frontends: [trusting], health, upstreams: [shop.upstream] },
      options,
    );
    const blogFrontends = [httpFrontend(port, "blog.example")];
    await it.router.apply(
      { service: "blog", frontends: blogFrontends, health, upstreams: [blog.upstream] },
      options,
    );

    for (const method of ["GET", "POST"]) {
      const seen = await headersSeen(port, { method, headers: { ...lies, host: "blog.example:81" } });
      expect(forwardedIn(seen)).toEqual({
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "blog.example:81",
        "x-forwarded-port": String(port),
      });
      const believed = await headersSeen(port, { method, headers: { ...lies, host: "shop.example" } });
      expect(forwardedIn(believed)).toEqual({ ...lies, "x-forwarded-for": "1.1.1.1, 127.0.0.1" });
    }
    const fromSix = await headersSeen(port, { host: "::1", headers: { ...lies, host: "shop.example" } });
    expect(forwardedIn(fromSix)).toEqual({
      "x-forwarded-for": "::1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "shop.example",
      "x-forwarded-port": String(port),
    });
  },
);

withHaproxy("a client that a proxy announces is the client; no one else can announce one", async () => {
  await using it = await installation();
  await using shop = await httpBackend("shop");
  const port = await freePort();
  const frontend: TrafficSpec = { ...httpFrontend(port), acceptProxy: true, trustedProxies: ["127.0.0.2"] };
  await it.router.apply(
    { service: "shop", frontends: [frontend], health, upstreams: [shop.upstream] },
    options,
  );
  const ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const introduced = await exchange(port, `PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n${ask}`, "127.0.0.2");
  expect(introduced).toContain('"x-forwarded-for":"192.0.2.7"');
  expect(introduced).toContain(`"x-forwarded-port":"${port}"`);
  const stranger = await exchange(port, `PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n${ask}`, "127.0.0.3");
  expect(stranger).toMatch(/^HTTP\/1.1 400 /);
  const plain = await exchange(port, ask, "127.0.0.3");
  expect(plain).toContain('"x-forwarded-for":"127.0.0.3"');
});

withHaproxy("clients are announced to servers by the PROXY protocol if they want it so", async () => {
  await using it = await installation();
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1"); // header and request may come apart
      const isHttp = /HTTP\/1\.1\r\n.*\r\n\r\n$/s.test(text);
      if (!isHttp && !text.endsWith("hello")) return;
      heard.push(text);
      socket.end(isHttp ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" : "ok");
    });
  });
  const backend = await listen(server, "127.0.0.1");
  const [http, tcp] = [await freePort(), await freePort()];
  const proxied = (id: string) => ({ ...upstream(id, backend), sendProxy: true });
  const rest = { health, upstreams: [proxied("shop-1")] };
  await it.router.apply(
    { service: "shop", frontends: [{ ...httpFrontend(http), sendProxy: true }], ...rest },
    options,
  );
  await it.router.apply(
    { service: "db", frontends: [{ ...tcpFrontend(tcp), sendProxy: true }], ...rest },
    options,
  );
  // One added while HAProxy runs.
  const second = { ...rest, upstreams: [...rest.upstreams, proxied("shop-2")] };
  await it.router.apply(
    { service: "shop", frontends: [{ ...httpFrontend(http), sendProxy: true }], ...second },
    options,
  );
  for (let i = 0; i < 4; i++)
    await exchange(http, "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "127.0.0.9");
  await exchange(tcp, "hello", "127.0.0.9");
  const address = "\x7f\x00\x00\x09";
  const ofClients = heard.filter((text) => / \/x HTTP|hello/.test(text));
  expect(ofClients).toHaveLength(5);
  for (const text of ofClients) {
    expect(text.startsWith("\r\n\r\n\0\r\nQUIT\n\x21\x11")).toBe(true);
    expect(text.slice(16, 20)).toBe(address);
  }
  await close(server);
});

withHaproxy("a port can be opened on one address of the machine", async () => {
  await using it = await installation();
  await using shop = await httpBackend("shop");
  const port = await freePort();
  const frontend: TrafficSpec = { ...httpFrontend(port), address: "127.0.0.5" };
  const service = { service: "shop", frontends: [frontend], health, upstreams: [shop.upstream] };
  await it.router.apply(service, options);
  expect((await headersSeen(port, { host: "127.0.0.5" }))["x-forwarded-for"]).toBeDefined();
  await expect(headersSeen(port, { host: "127.0.0.1" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await expect(it.router.check("blog", [httpFrontend(port, "b.example")], options)).rejects.toMatchObject({
    code: "traffic_conflict",
    message: `The service blog can't open port ${port}: the service shop has it with another address.`,
  });
  // Requests that come to a worker that leaves are passed on, whatever the address.
  await it.router.apply({ ...service, frontends: [frontend, httpFrontend(await freePort())] }, options);
  expect((await headersSeen(port, { host: "127.0.0.5" }))["x-forwarded-for"]).toBeDefined();
});

withHaproxy("a client on this machine has its own address, also across a reload", async () => {
  await using it = await installation();
  const seen: (string | undefined)[] = [];
  const server = createHttpServer((incoming, response) => {
    if (incoming.url !== "/health") seen.push(incoming.headers["x-forwarded-for"]?.toString());
    response.end("ok");
  });
  const backend = await listen(server, "127.0.0.1");
  const port = await freePort();
  const service = {
    service: "shop",
    frontends: [httpFrontend(port)],
    health,
    upstreams: [upstream("shop-1", backend)],
  };
  await it.router.apply(service, options);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  for (const host of ["127.0.0.1", "::1", ...(own === undefined ? [] : [own])]) {
    await headersSeen(port, { host }).catch(() => {});
    expect(seen.at(-1)).toBe(host);
  }
  // A connection that stays open is answered by the worker that leaves, which passes the request on.
  const kept = connect(port, "127.0.0.1");
  const question = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  kept.write(question);
  await new Promise((resolve) => kept.once("data", resolve));
  await it.router.apply(
    { ...service, frontends: [httpFrontend(port), httpFrontend(await freePort())] },
    options,
  );
  seen.length = 0;
  kept.write(question);
  await new Promise((resolve) => kept.once("data", resolve));
  expect(seen).toEqual(["127.0.0.1"]);
  kept.destroy();
  await close(server);
});

function forwardedIn(headers: Readonly<Record<string, string>>) {
  const found = Object.entries(headers).filter(([name]) =>
    /^x[-_]forwarded|^x[-_]real|^forwarded/.test(name),
  );
  return Object.fromEntries(found);
}

interface Asked {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the server says that it was sent. */
function headersSeen(port: number, asked: Asked): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent: false, ...asked }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => {
        try {
          resolve((JSON.parse(body) as { headers: Record<string, string> }).headers);
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Says this from this address and reads until the other side ends. */
function exchange(port: number, text: string, localAddress: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ port, host: "127.0.0.1", localAddress }, () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

function close(server: Server | ReturnType<typeof createHttpServer>): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
