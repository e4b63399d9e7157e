import { expect, test } from "vitest";
import { z } from "zod";
import { json, type ScriptedAnswer, serverThat } from "./testing.ts";

const { signal } = new AbortController();
const named = z.object({ name: z.string() });
const path = "/api/v1/namespaces/shop/pods";

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
  const answers: ScriptedAnswer = ({ headers }, answer) => {
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
  let nowMs = Date.parse("2001-01-01T00:00:00Z");
  await using brief = await serverThat(answers, plugin("2000-01-01T00:00:00Z"), () => nowMs);
  await brief.api.read({ path, signal }, named);
  await brief.api.read({ path, signal }, named);
  nowMs += 5000;
  await brief.api.read({ path, signal }, named);
  expect(tokens.splice(0)).toEqual(["Bearer t0", "Bearer t0", "Bearer t1"]);
  await using busy = await serverThat(answers, plugin("2999-01-01T00:00:00Z"));
  await Promise.all([1, 2, 3].map(() => busy.api.read({ path, signal }, named)));
  expect(tokens).toEqual(["Bearer t0", "Bearer t0", "Bearer t0"]);
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

test("watches leave other requests their connections", async () => {
  await using server = await serverThat(({ address: { searchParams } }, answer) => {
    if (searchParams.has("watch")) answer.flushHeaders();
    else json(answer, { name: "one" });
  });
  const stop = new AbortController();
  const watches = Array.from({ length: 40 }, () =>
    server.api.watch({ path, resourceVersion: "1", signal: stop.signal }).next(),
  );
  const ended = Promise.allSettled(watches);
  expect(await server.api.read({ path, signal }, named)).toEqual({ name: "one" });
  stop.abort();
  await ended;
});

test("a slow answer does not count as a difference between the clocks", async () => {
  const startMs = Date.parse("2026-01-01T00:00:00Z");
  let nowMs = startMs;
  let aheadMs = 0;
  let slowMs = 20_000;
  const answers: ScriptedAnswer = (_, answer) => {
    const date = new Date(nowMs + aheadMs).toUTCString();
    nowMs += slowMs;
    json(answer, { name: "one" }, 200, { date });
  };
  await using server = await serverThat(answers, undefined, () => nowMs);
  const differenceAfter = async (ahead: number, slow: number) => {
    [aheadMs, slowMs] = [ahead, slow];
    await server.api.read({ path, signal }, named);
    return server.api.clockAheadMs;
  };
  expect(await differenceAfter(0, 20_000)).toBe(0);
  expect(await differenceAfter(60_000, 0)).toBe(60_000);
  expect(await differenceAfter(60_000, 20_000)).toBe(60_000);
  expect(await differenceAfter(-30_000, 10_000)).toBe(-30_000);
  expect(await differenceAfter(0, 0)).toBe(0);
});

test("an answer without an end does not fill the memory", async () => {
  await using server = await serverThat((_, answer) => answer.end(`${" ".repeat(65 << 20)}{"name":"one"}`));
  await expect(server.api.read({ path, signal }, named)).rejects.toMatchObject({ code: "server_failed" });
});
