import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { silentLog } from "../lib/log.ts";
import { parseLoopback } from "../lib/loopback.ts";
import { listenForMetrics } from "./routes-metrics.ts";

async function listening(scrape = async () => "a 1\n"): Promise<number> {
  const server = await listenForMetrics(parseLoopback("127.0.0.1:0"), scrape, silentLog);
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

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
