import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { freePort } from "../../lib/testing.ts";
import type { RoutedService, Upstream } from "../router.ts";
import { childBackend } from "./config/child-backend.ts";
import { health, httpFrontend, listen, upstream } from "./config/fixtures.ts";
import { installation, missingHaproxy } from "./process/installation.ts";
import { mixedClients, send, startLoad } from "./process/load.ts";

const missing = await missingHaproxy();
if (missing) console.log(`skipped: ${missing}`);
const withHaproxy = test.skipIf(missing);
const options = { signal: AbortSignal.timeout(600_000) };

withHaproxy(
  "a request that ends each server which answers it ends two at most; no other is lost",
  async () => {
    await using it = await installation();
    const servers = await Promise.all([1, 2, 3, 4, 5, 6].map((slot) => childBackend(`shop-1-${slot}-1`)));
    const port = await freePort();
    const upstreams = servers.map((s) => s.upstream);
    await it.router.apply(
      { ...unchecked(port, ...upstreams), health: { ...health, intervalMs: 60_000 } },
      options,
    );
    const load = startLoad(mixedClients(port).filter((client) => client.kind === "GET"));
    const served = async (count: number) => {
      const before = load.served();
      await vi.waitUntil(() => load.served() > before + count, 60_000);
    };
    const poison = async (kind: "GET" | "POST") => {
      await served(100);
      const { status } = await send({ port, keepAlive: false, kind, path: "/poison" });
      await served(300);
      return `${status}, ${servers.filter((s) => s.isAlive()).length} left`;
    };
    const outcomes = [await poison("GET"), await poison("POST"), await poison("GET")];
    const tally = await load.stop();
    for (const server of servers) await server[Symbol.asyncDispose]();
    console.log(
      `  5 of 6 servers ended by three requests: ${tally.served} served, ${tally.lost.length} lost`,
    );
    expect(outcomes).toEqual(["502, 4 left", "502, 3 left", "502, 1 left"]);
    expect(tally.lost).toEqual([]);
  },
);

withHaproxy("only what has no answer yet and may be carried out twice is sent again, once", async () => {
  await using it = await installation();
  const port = await freePort();
  await using server = await unruly();
  await it.router.apply(unchecked(port, server.upstream), options);
  const ask = async (path: string, method = "GET", body: string | null = null) => {
    const before = server.asked();
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body })
      .then(async (response) => `${response.status} ${(await response.text()).trim()}`)
      .catch(() => "broken off");
    return [answer, server.asked() - before];
  };
  const brokenOff = "502 The server broke off before it had answered.";
  expect(await ask("/silence")).toEqual([brokenOff, 2]);
  expect(await ask("/half-a-head")).toEqual([brokenOff, 2]);
  expect(await ask("/silence", "PUT", "small")).toEqual([brokenOff, 2]);
  expect((await ask("/silence", "PUT", "x".repeat(100_000)))[1]).toBe(1);
  expect(await ask("/silence", "POST", "small")).toEqual([brokenOff, 1]);
  expect(await ask("/silence-at-first", "PUT", "small")).toEqual(["200 small", 2]);
  expect(await ask("/half-an-answer")).toEqual(["broken off", 1]);
  expect(await ask("/502")).toEqual(["502 its own", 1]);
  expect(await ask("/503")).toEqual(["503 its own", 1]);
});

withHaproxy("servers learn who asked, whichever way a request takes", async () => {
  await using it = await installation();
  const port = await freePort();
  await using server = await unruly();
  await it.router.apply(unchecked(port, server.upstream), options);
  const asked = async (host: string, method: string) =>
    (await fetch(`http://${host}:${port}/forwarded-for`, { method })).text();
  const local = "127.0.0.1";
  expect([await asked(local, "GET"), await asked(local, "POST")]).toEqual([local, local]);
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  if (own !== undefined) {
    expect([await asked(own, "GET"), await asked(own, "POST")]).toEqual([own, own]);
  }
});

/** No check tells that a server is dead: only requests find out. */
function unchecked(port: number, ...upstreams: readonly Upstream[]): RoutedService {
  return {
    service: "shop",
    frontends: [httpFrontend(port)],
    upstreams,
    health: { ...health, check: { kind: "alive" } },
  };
}

interface Unruly extends AsyncDisposable {
  readonly upstream: Upstream;
  readonly asked: () => number;
}

/** A server that fails as the path of a request says, and counts what it was asked. */
async function unruly(): Promise<Unruly> {
  let asked = 0;
  const server = createServer(async (request, response) => {
    asked += 1;
    misbehave(request, response, await text(request));
  });
  const firsts = new Set<string>();
  function misbehave({ url = "", headers }: IncomingMessage, response: ServerResponse, body: string): void {
    const isFirst = !firsts.has(url);
    firsts.add(url);
    if (url === "/silence" || (url === "/silence-at-first" && isFirst)) response.destroy();
    else if (url === "/half-a-head") response.socket?.end("HTTP/1.1 200 OK\r\nContent-Le");
    else if (url === "/half-an-answer") response.write("half", () => response.destroy());
    else if (url === "/502" || url === "/503") response.writeHead(Number(url.slice(1))).end("its own");
    else if (url === "/forwarded-for") response.end(headers["x-forwarded-for"] ?? "nobody");
    else response.end(body);
  }
  const port = await listen(server, "127.0.0.1");
  return {
    upstream: upstream("shop-1-1-1", port),
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
