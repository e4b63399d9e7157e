import { once } from "node:events";
import { request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../../lib/log.ts";
import { parseLoopback } from "../../lib/loopback.ts";
import { listenForMetrics } from "./metrics.ts";

async function serving(scrape = async () => "a 1\n", log = silentLog): Promise<Server> {
  const server = await listenForMetrics(parseLoopback("127.0.0.1:0"), scrape, log);
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const listening = async (scrape?: () => Promise<string>) => portOf(await serving(scrape));

function ask(port: number, path: string, { method = "GET", host = `127.0.0.1:${port}` } = {}) {
  return new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
    const call = request(
      { host: "127.0.0.1", port, path, method, headers: { host }, agent: false },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (piece) => {
          text += piece;
        });
        answer.once("end", () => resolve({ status: answer.statusCode, text }));
      },
    );
    call.once("error", reject).end();
  });
}

test("metrics can be read, and nothing else", async () => {
  const port = await listening();
  expect(await ask(port, "/metrics")).toEqual({ status: 200, text: "a 1\n" });
  expect(await ask(port, "/metrics?x=y", { host: `localhost:${port}` })).toMatchObject({ status: 200 });
  expect(await ask(port, "/v1/services")).toMatchObject({ status: 404 });
  expect(await ask(port, "/metrics", { method: "POST" })).toMatchObject({ status: 405 });
});

test("a name that someone has pointed at this machine is refused", async () => {
  const port = await listening();
  for (const host of [`evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example"])
    expect(await ask(port, "/metrics", { host })).toMatchObject({ status: 403 });
});

test("a scrape that fails is an answer too", async () => {
  const port = await listening(() => Promise.reject(new Error("the disk is full")));
  expect(await ask(port, "/metrics")).toMatchObject({ status: 500 });
});

test("those who ask while a scrape runs share its answer", { timeout: 120_000 }, async () => {
  const scrapes: ((text: string) => void)[] = [];
  const server = await serving(() => new Promise((resolve) => scrapes.push(resolve)));
  let arrived = 0;
  server.on("request", () => {
    arrived++;
  });
  const asked = [1, 2, 3].map(() => ask(portOf(server), "/metrics"));
  await expect.poll(() => arrived, { timeout: 60_000 }).toBe(3);
  expect(scrapes.length).toBe(1);
  scrapes[0]?.("a 1\n");
  expect((await Promise.all(asked)).map(({ text }) => text)).toEqual(["a 1\n", "a 1\n", "a 1\n"]);
  const later = ask(portOf(server), "/metrics");
  await expect.poll(() => scrapes.length, { timeout: 60_000 }).toBe(2);
  scrapes[1]?.("a 2\n");
  expect(await later).toEqual({ status: 200, text: "a 2\n" });
});

test("connections that say nothing are few, and are closed", { timeout: 55_000 }, async () => {
  const port = await listening();
  const silent = Array.from({ length: 17 }, () => connect(port, "127.0.0.1").resume());
  await Promise.all(silent.map((socket) => closed(socket)));
  expect(await ask(port, "/metrics")).toMatchObject({ status: 200 });
});

test("no more than 16 are connected at once", { timeout: 60_000 }, async () => {
  const server = await serving();
  const dropped = once(server, "drop");
  for (let i = 0; i < 17; i++) connect(portOf(server), "127.0.0.1").on("error", () => {});
  await dropped;
});

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on("error", () => {}).once("close", () => resolve()));
}

test("a connection that cannot be accepted is logged, and ends nothing", async () => {
  const lines: string[] = [];
  const server = await serving(undefined, pino({}, { write: (line) => lines.push(line) }));
  for (const _ of [1, 2]) server.emit("error", new Error("accept EMFILE"));
  expect(lines).toEqual([expect.stringContaining("accept EMFILE"), expect.stringContaining("accept EMFILE")]);
  expect(await ask(portOf(server), "/metrics")).toMatchObject({ status: 200 });
});

test("an address that is taken is an error", async () => {
  const port = await listening();
  const again = listenForMetrics(parseLoopback(`127.0.0.1:${port}`), async () => "", silentLog);
  await expect(again).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test.each(["127.0.0.1:9645", "localhost:1", "[::1]:65535", "127.8.9.1:80"])(
  "%s is an address to listen on",
  (text) => {
    const { host, port } = parseLoopback(text);
    expect(text.replaceAll(/[[\]]/g, "")).toBe(`${host}:${port}`);
  },
);

test.each([
  "0.0.0.0:9645",
  "9645",
  ":9645",
  "127.0.0.1",
  "127.0.0.1:",
  "example.org:80",
  "[::]:80",
  "127.0.0.1:70000",
  "::1:80",
])("%s is refused", (text) => {
  expect(() => parseLoopback(text)).toThrow(expect.objectContaining({ code: "usage" }));
});
