import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createPlainServer } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HealthCheck } from "../../../domain/spec/health-check.ts";
import { issue, missingOpenssl } from "../../../router/test-certificates.ts";
import { networkProber } from "./network-prober.ts";

const missing = await missingOpenssl();
const checks = new AbortController();
const prober = networkProber();
let folder = "";
let ca = "";
let https: Server | undefined;
let asked = 0;
const closing: { close(): unknown }[] = [];

beforeAll(async () => {
  if (missing !== undefined) return;
  folder = await mkdtemp("/tmp/kiln-check-");
  const files = await issue(folder, "server", { hosts: ["shop.example.com"] });
  ca = await readFile(files.certificate, "utf8");
  const keys = { cert: ca, key: await readFile(files.key, "utf8") };
  https = createServer(keys, (_request, response) => {
    asked += 1;
    response.end("fine");
  });
});

afterAll(async () => {
  checks.abort();
  for (const server of closing) server.close();
  if (folder !== "") await rm(folder, { recursive: true });
});

async function portOf(server: {
  listen(port: number, host: string, done: () => void): unknown;
  address(): unknown;
  close(): unknown;
}) {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  closing.push(server);
  return (server.address() as AddressInfo).port;
}

const ask = (port: number, check: HealthCheck, id = `shop-1-1-${port}`) =>
  prober.probe({ id, address: "127.0.0.1", port, host: undefined, check, timeoutMs: 60_000 }, checks.signal);

test.skipIf(missing !== undefined)(
  "servers are asked by TLS, and by whom their certificate is signed only if that is wanted",
  async () => {
    if (https === undefined) throw new Error("no server was started");
    const port = await portOf(https);
    const check = { kind: "http", path: "/", body: "fine" } as const;
    for (let count = 0; count < 6; count++) {
      expect(await ask(port, { ...check, tls: {} })).toEqual({ ok: true, words: "GET / answered 200" });
    }
    expect(asked).toBeGreaterThanOrEqual(6);
    const named = { ...check, host: "shop.example.com", tls: { ca } };
    expect(await ask(port, named, "named")).toMatchObject({ ok: true });
    expect(await ask(port, { ...check, tls: { ca } }, "unnamed")).toMatchObject({ ok: true });
    const other = await ask(port, { ...named, host: "other.example.com" }, "other");
    expect(other).toMatchObject({ ok: false, words: expect.stringMatching(/^TLS failed: .*altnames/) });
    const { certificate } = await issue(folder, "stranger");
    const stranger = { ...check, tls: { ca: await readFile(certificate, "utf8") } };
    expect(await ask(port, stranger, "stranger")).toMatchObject({
      ok: false,
      words: expect.stringMatching(/^TLS failed: /),
    });
  },
);

test.skipIf(missing !== undefined)(
  "a server that does not speak TLS is reported as that; gRPC is asked by TLS as well",
  async () => {
    const plain = await portOf(createPlainServer((_request, response) => response.end()));
    expect(await ask(plain, { kind: "http", path: "/", tls: {} })).toMatchObject({
      ok: false,
      words: "answered something that is not TLS",
    });
    const grpc = createSecureServer({ cert: ca, key: await readFile(`${folder}/server.key`, "utf8") });
    grpc.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
    });
    const port = await portOf(grpc);
    expect(await ask(port, { kind: "grpc", service: "", tls: {} })).toEqual({
      ok: true,
      words: "gRPC health answered SERVING",
    });
  },
);
