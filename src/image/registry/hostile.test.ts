import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { digestOf } from "../../lib/files/sha256.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { downloadBlob } from "./download.ts";
import { clientOf, httpServer } from "./testing.ts";
import { uploadBlob } from "./upload.ts";

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const blob = Buffer.from("content of a layer ".repeat(10_000));
const wanted = { digest: digestOf(blob), size: blob.length };

/** Pauses take no time. */
const hasty: Clock = { now: () => Date.now(), elapsed: () => performance.now(), sleep: async () => {} };

function place(): Disposable & { readonly path: string } {
  const folder = mkdtempSync("/tmp/kiln-");
  return { path: join(folder, "blob"), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** A registry that answers every request in this way, and its client. */
async function registry(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = await httpServer(answer);
  return {
    client: clientOf(server.host, "shop:1", { clock: hasty, silenceMs: 500 }),
    host: server.host,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const manifest = (bytes: string | Buffer, type = manifestType) =>
  registry((_, response) => response.writeHead(200, { "content-type": type }).end(bytes));

test("a manifest with another digest than asked for is refused", async () => {
  await using hostile = await manifest("{}");
  await expect(hostile.client.manifest(wanted.digest)).rejects.toMatchObject({ code: "image_invalid" });
  expect(await hostile.client.manifest("1")).toMatchObject({
    digest: digestOf("{}"),
    mediaType: manifestType,
  });
});

test.each([
  ["a huge manifest", "x".repeat((4 << 20) + 1), manifestType],
  ["a page in HTML", "<html>", "text/html"],
  [
    "a manifest of another type than its own word",
    `{"mediaType":"${manifestType}"}`,
    manifestType.replace("manifest", "index"),
  ],
  ["an old manifest", "{}", "application/vnd.docker.distribution.manifest.v1+prettyjws"],
])("%s is refused", async (_, bytes, type) => {
  await using hostile = await manifest(bytes, type);
  await expect(hostile.client.manifest("1")).rejects.toMatchObject({ code: "image_invalid" });
});

test.each([
  ["without a length", {}],
  ["with its length", { "content-length": `${10 << 20}` }],
])("an endless blob %s ends at its size", async (_, headers) => {
  using here = place();
  let sent = 0;
  await using hostile = await registry((_request, response) => {
    response.writeHead(200, headers);
    const more = () => {
      while (!response.destroyed && sent < 10 << 20) {
        sent += 1 << 16;
        if (!response.write(Buffer.alloc(1 << 16))) return response.once("drain", more);
      }
    };
    more();
  });
  await expect(downloadBlob(hostile.client, wanted, here.path)).rejects.toMatchObject({
    code: "image_invalid",
  });
  expect(existsSync(here.path) || existsSync(`${here.path}.part`)).toBe(false);
});

test("a blob with other bytes is refused and not kept", async () => {
  using here = place();
  await using hostile = await registry((_, response) => response.end(Buffer.alloc(blob.length)));
  await expect(downloadBlob(hostile.client, wanted, here.path)).rejects.toMatchObject({
    code: "image_invalid",
  });
  expect(existsSync(`${here.path}.part`)).toBe(false);
});

test("a blob that breaks off continues where it was, also in another process", async () => {
  using here = place();
  const large = randomBytes(12 << 20);
  const piece = 4 << 20; // more than what is lost in buffers when a connection breaks
  const ranges: (string | undefined)[] = [];
  await using hostile = await registry(({ headers }, response) => {
    ranges.push(headers.range);
    const from = Number(/\d+/.exec(headers.range ?? "0")?.[0]);
    const status = from > 0 ? 206 : 200;
    const length = { "content-length": `${large.length - from}` };
    response.writeHead(status, { ...length, ...(from > 0 ? { "content-range": `bytes ${from}-/*` } : {}) });
    response.write(large.subarray(from, from + piece), () => {
      if (from + piece >= large.length) response.end();
      else response.destroy();
    });
  });
  writeFileSync(`${here.path}.part`, large.subarray(0, 1000));
  await downloadBlob(hostile.client, { digest: digestOf(large), size: large.length }, here.path);
  expect(readFileSync(here.path).equals(large)).toBe(true);
  expect(ranges[0]).toBe("bytes=1000-");
  expect(ranges.length).toBeGreaterThan(2);
  expect(ranges).not.toContain(undefined);
});

test.each([200, 400, 416])(
  "a registry that answers a range with status %d is asked for all of it",
  async (status) => {
    using here = place();
    await using odd = await registry(({ headers }, response) => {
      if (headers.range !== undefined && status !== 200) response.writeHead(status).end();
      else response.end(blob);
    });
    writeFileSync(`${here.path}.part`, "other bytes");
    await downloadBlob(odd.client, wanted, here.path);
    expect(statSync(here.path).size).toBe(blob.length);
  },
);

test("a registry that falls silent is given up", async () => {
  using here = place();
  await using silent = await registry((_, response) => response.writeHead(200).write("x"));
  await expect(downloadBlob(silent.client, wanted, here.path)).rejects.toMatchObject({
    code: "registry_unreachable",
    retry: true,
  });
});

test("a blob that comes too slowly is given up, however long it would continue", async () => {
  using here = place();
  let minutes = 0;
  const clock: Clock = { ...hasty, elapsed: () => minutes++ * 60_000 };
  await using slow = await httpServer((_, response) => {
    const timer = setInterval(() => response.write("x"), 1);
    response.once("close", () => clearInterval(timer));
  });
  const client = clientOf(slow.host, "shop:1", { clock });
  await expect(downloadBlob(client, wanted, here.path)).rejects.toMatchObject({ code: "timed_out" });
});

test.each([
  ["file:///etc/passwd", "a file"],
  ["ftp://127.0.0.1/x", "another protocol"],
  ["http://192.0.2.1/x", "plain HTTP over a network"],
  ["http://ann:pw@127.0.0.1/x", "an address with credentials"],
  ["http://", "no address"],
])("a redirect to %s is not followed: %s", async (location) => {
  await using hostile = await registry((_, response) => response.writeHead(307, { location }).end());
  await expect(hostile.client.manifest("1")).rejects.toMatchObject({ code: "registry_failed" });
});

test("a redirect that never ends is given up", async () => {
  await using hostile = await registry((_, response) => response.writeHead(302, { location: "/v2/" }).end());
  await expect(hostile.client.manifest("1")).rejects.toMatchObject({ code: "registry_failed" });
});

test("credentials reach the registry alone: no other host of a redirect, of an upload or of a token", async () => {
  using here = place();
  writeFileSync(here.path, blob);
  const elsewhere: (string | undefined)[] = [];
  await using other = await httpServer((request, response) => {
    elsewhere.push(request.headers.authorization);
    request.resume().once("end", () => response.writeHead(request.method === "PUT" ? 201 : 200).end(blob));
  });
  const own: (string | undefined)[] = [];
  await using front = await httpServer((request, response) => {
    own.push(request.headers.authorization);
    if (request.headers.authorization === undefined) {
      return response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    }
    if (request.method === "HEAD") return response.writeHead(404).end();
    if (request.method === "POST")
      return response.writeHead(202, { location: `http://${other.host}/up?s=1` }).end();
    return response.writeHead(307, { location: `http://${other.host}/blob` }).end();
  });
  const client = clientOf(front.host, "shop:1", {
    clock: hasty,
    credentials: async () => ({ kind: "password", user: "ann", password: "pw" }),
  });
  await uploadBlob(client, { ...wanted, path: here.path });
  await downloadBlob(client, wanted, `${here.path}.2`);
  expect(own).toContain(`Basic ${Buffer.from("ann:pw").toString("base64")}`);
  expect(elsewhere).toEqual([undefined, undefined]);
});

test("requests side by side log in, each of them", async () => {
  let waiting: (() => void)[] = [];
  await using front = await httpServer((request, response) => {
    if (request.headers.authorization !== undefined) {
      return response.writeHead(200, { "content-type": manifestType }).end("{}");
    }
    const refuse = () => response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    waiting = [...waiting, refuse];
    if (waiting.length === 3) for (const one of waiting) one(); // all are refused before any has logged in
  });
  const client = clientOf(front.host, "shop:1", {
    credentials: async () => ({ kind: "password", user: "ann", password: "pw" }),
  });
  const all = await Promise.all(["1", "2", "3"].map((tag) => client.manifest(tag)));
  expect(all.map(({ digest }) => digest)).toEqual(Array(3).fill(digestOf("{}")));
});

test("a refresh token does not follow a redirect to another host", async () => {
  const bodies: string[] = [];
  await using other = await httpServer((request, response) => {
    request.on("data", (chunk: Buffer) => bodies.push(chunk.toString()));
    request.once("end", () => response.end('{"token":"t"}'));
  });
  await using front = await httpServer((request, response) => {
    const realm = `http://${request.headers.host}/token`;
    if (request.url === "/token") response.writeHead(307, { location: `http://${other.host}/` }).end();
    else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="x"` }).end();
  });
  const client = clientOf(front.host, "shop:1", {
    credentials: async () => ({ kind: "identity", token: "refresh" }),
  });
  await expect(client.manifest("1")).rejects.toMatchObject({ code: "registry_failed" });
  expect(bodies).toEqual([]);
});

test("a token is fetched once, is used until it is refused, and is then renewed", async () => {
  let given = 0;
  const asked: string[] = [];
  await using front = await httpServer((request, response) => {
    if (request.url?.startsWith("/token")) {
      given++;
      asked.push(request.url);
      return response.end(JSON.stringify({ access_token: `t${given}` }));
    }
    const expired =
      request.headers.authorization !== `Bearer t${Math.max(1, given)}` ||
      (given === 1 && asked.length === 9);
    if (!expired) return response.writeHead(200, { "content-type": manifestType }).end("{}");
    const realm = `http://${request.headers.host}/token`;
    return response
      .writeHead(401, { "www-authenticate": `Bearer realm="${realm}",service="s",scope="x"` })
      .end();
  });
  const client = clientOf(front.host);
  await client.manifest("1");
  await client.manifest("1");
  expect(given).toBe(1);
  expect(asked[0]).toBe("/token?service=s&scope=repository%3Ashop%3Apull");
  given = 2; // the first token has expired
  await client.manifest("1");
  expect(given).toBe(3);
});

test.each([
  [401, "registry_denied"],
  [403, "registry_denied"],
  [404, "image_unknown"],
  [413, "registry_failed"],
  [429, "registry_failed"],
  [500, "registry_failed"],
])("status %d becomes %s, with the registry's own words", async (status, code) => {
  let requests = 0;
  await using refusing = await registry((_, response) => {
    requests++;
    response.writeHead(status).end('{"errors":[{"code":"X","message":"quota\\u001b[31m of ann"}]}');
  });
  const error = await refusing.client.manifest("1").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  if (status !== 404) expect(String(error)).toContain("quota [31m of ann");
  expect(requests).toBe(status === 429 || status === 500 ? 4 : 1);
});

test("an unknown host and a refused connection are named", async () => {
  const away = clientOf("127.0.0.1:1", "shop:1", { clock: hasty });
  await expect(away.manifest("1")).rejects.toThrow("127.0.0.1:1 cannot be reached");
});
