import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Clock } from "../../../lib/time/clock.ts";
import { type Api, kubernetesApi } from "./api.ts";

const { signal } = new AbortController();
const named = z.object({ name: z.string() });
const path = "/api/v1/namespaces/shop/pods";

/** Pauses take no time, and are kept. */
function hasty(pauses: number[]): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    sleep: async (ms) => void pauses.push(ms),
  };
}

type Answer = (
  asked: IncomingMessage & { readonly address: URL; readonly body: string },
  answer: ServerResponse,
) => void;

/** An API server that answers in this way, and its client. `user`: of the kubeconfig. */
async function serverThat(answers: Answer, user: (folder: string) => object = () => ({ token: "t" })) {
  const server = createServer(async (asked, answer) => {
    const body = (await asked.setEncoding("utf8").toArray()).join("");
    answers(Object.assign(asked, { address: new URL(asked.url ?? "", "http://x"), body }), answer);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const folder = mkdtempSync("/tmp/kiln-");
  const kubeconfig = join(folder, "config");
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "c", user: "u", namespace: "shop" } }],
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "u", user: user(folder) }],
    }),
  );
  const pauses: number[] = [];
  const api: Api = kubernetesApi({ kubeconfig, context: undefined, clock: hasty(pauses) });
  return {
    api,
    pauses,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
}

const json = (answer: ServerResponse, value: object, status = 200, headers = {}) =>
  answer.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

test("a list is read page by page, and knows where a watch continues", async () => {
  await using server = await serverThat(({ address: { searchParams } }, answer) => {
    const isFirst = !searchParams.has("continue");
    expect(searchParams.get("labelSelector")).toBe("a=b");
    json(answer, {
      metadata: { resourceVersion: "7", ...(isFirst ? { continue: "next" } : {}) },
      items: [{ name: isFirst ? "one" : "two", dropped: "x" }],
    });
  });
  expect(await server.api.list({ path, labels: "a=b", signal }, named)).toEqual({
    items: [{ name: "one" }, { name: "two" }],
    resourceVersion: "7",
  });
  expect(server.api.namespace).toBe("shop");
});

test("a list whose later pages have expired begins again", async () => {
  let expired = 0;
  await using server = await serverThat(({ address: { searchParams } }, answer) => {
    if (!searchParams.has("continue"))
      return json(answer, { metadata: { resourceVersion: "7", continue: "next" }, items: [{ name: "one" }] });
    if (expired++ === 0) return json(answer, { reason: "Expired", message: "too old" }, 410);
    return json(answer, { metadata: { resourceVersion: "8" }, items: [{ name: "two" }] });
  });
  expect((await server.api.list({ path, signal }, named)).items).toEqual([{ name: "one" }, { name: "two" }]);
});

test("a server that is overloaded is asked again after the time that it names, some times", async () => {
  let asked = 0;
  await using server = await serverThat((_, answer) => {
    if (asked++ < 2) return json(answer, { message: "slow down" }, 429, { "retry-after": "3" });
    return json(answer, { name: "one" });
  });
  expect(await server.api.read({ path, signal }, named)).toEqual({ name: "one" });
  expect(server.pauses).toEqual([3000, 3000]);
  asked = -100;
  await expect(server.api.read({ path, signal }, named)).rejects.toMatchObject({
    status: 429,
    words: "slow down",
    retry: true,
  });
});

test("a refusal has the server's own words", async () => {
  await using server = await serverThat((_, answer) =>
    json(answer, { reason: "Forbidden", message: 'pods is forbidden: User "x"' }, 403),
  );
  await expect(server.api.read({ path, signal }, named)).rejects.toMatchObject({
    ...{ code: "platform_unusable", reason: "Forbidden", message: expect.stringContaining('User "x"') },
    hint: expect.stringContaining("kiln target show"),
  });
  expect(await server.api.read({ path, signal, accept: [403] }, named)).toBeUndefined();
});

test("a body is sent with its length, whatever the method", async () => {
  await using server = await serverThat(({ method, body, headers }, answer) =>
    json(answer, { name: `${method} ${body} ${headers["content-length"]} ${headers["content-type"]}` }),
  );
  const asked = { path, body: { a: 1 }, signal };
  for (const method of ["DELETE", "PATCH", "POST"] as const)
    expect(await server.api.read({ ...asked, method }, named)).toEqual({
      name: `${method} {"a":1} 7 application/json`,
    });
});

test("a watch tells changes and where to continue, and ends with the server's answer", async () => {
  const line = (type: string, version: string) =>
    JSON.stringify({ type, object: { metadata: { resourceVersion: version } } });
  await using server = await serverThat(({ address: { searchParams } }, answer) => {
    expect(Object.fromEntries(searchParams)).toMatchObject({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: "7",
    });
    answer.write(`${line("ADDED", "8")}\n${line("MODIFIED", "9").slice(0, 20)}`);
    setImmediate(() => answer.end(`${line("MODIFIED", "9").slice(20)}\n${line("BOOKMARK", "12")}\n`));
  });
  const seen: string[] = [];
  for await (const { type, resourceVersion } of server.api.watch({ path, resourceVersion: "7", signal }))
    seen.push(`${type} ${resourceVersion}`);
  expect(seen).toEqual(["ADDED 8", "MODIFIED 9", "BOOKMARK 12"]);
});

test("a version that the server has forgotten is distinguished from other ends of a watch", async () => {
  await using server = await serverThat((_, answer) =>
    answer.end(
      `${JSON.stringify({ type: "ERROR", object: { code: 410, reason: "Expired", message: "too old resource version" } })}\n`,
    ),
  );
  const first = server.api.watch({ path, resourceVersion: "1", signal }).next();
  await expect(first).rejects.toMatchObject({ status: 410, reason: "Expired" });
});

test("half an answer is an error, and no empty list", async () => {
  await using server = await serverThat((_, answer) => {
    answer.writeHead(200, { "content-length": "1000" });
    answer.write('{"metadata":{"resourceVersion":"7"},"items":[]', () => answer.destroy());
  });
  await expect(server.api.list({ path, signal }, named)).rejects.toThrow();
});

test("a plugin's token is asked for once, again when it expires, and again when the server refuses it", async () => {
  const tokens: (string | undefined)[] = [];
  let refuse = false;
  const script = (folder: string, expires: string) =>
    `n=$(cat ${folder}/n 2>/dev/null || echo 0); echo $((n+1)) >${folder}/n
     echo "{\\"status\\":{\\"token\\":\\"t$n\\",\\"expirationTimestamp\\":\\"${expires}\\"}}"`;
  const plugin = (expires: string) => (folder: string) => ({
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "/bin/sh",
      args: ["-c", script(folder, expires)],
    },
  });
  const answers: Answer = ({ headers }, answer) => {
    tokens.push(headers.authorization);
    if (refuse) refuse = false;
    else return json(answer, { name: "one" });
    return json(answer, { message: "Unauthorized" }, 401);
  };
  await using lasting = await serverThat(answers, plugin("2999-01-01T00:00:00Z"));
  await lasting.api.read({ path, signal }, named);
  await lasting.api.read({ path, signal }, named);
  refuse = true;
  await lasting.api.read({ path, signal }, named);
  expect(tokens.splice(0)).toEqual(["Bearer t0", "Bearer t0", "Bearer t0", "Bearer t1"]);
  await using brief = await serverThat(answers, plugin("2000-01-01T00:00:00Z"));
  await brief.api.read({ path, signal }, named);
  await brief.api.read({ path, signal }, named);
  expect(tokens).toEqual(["Bearer t0", "Bearer t1"]);
});

test("a server that is not there, and a plugin that fails, are reported with a remedy", async () => {
  await using server = await serverThat(
    () => {},
    () => ({ exec: { apiVersion: "client.authentication.k8s.io/v1", command: "/bin/false" } }),
  );
  await expect(server.api.version(signal)).rejects.toMatchObject({
    code: "target_unreachable",
    hint: expect.stringContaining("by hand"),
  });
  const gone = await serverThat(() => {});
  const { api } = gone;
  const version = () => api.version(AbortSignal.timeout(30_000));
  await gone[Symbol.asyncDispose]();
  await expect(version()).rejects.toMatchObject({
    code: "target_invalid",
    message: expect.stringContaining("cannot be read"),
  });
});
