import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { checkGitHub, tellGitHub, toldToGitHub } from "./github.ts";
import { type HttpCall, post } from "./post.ts";

const commit = "c".repeat(40);

function rollout(kind: string, data: object = {}): KilnEvent {
  return {
    ...{ sequence: 9, atMs: 1, service: "shop.production", kind, message: "it happened ".repeat(20) },
    data: { rollout: 7, ...data },
  };
}

/** What "REST API endpoints for deployments" says of these four requests, kept in memory. */
async function gitHub(known: readonly string[]) {
  const deployments: { id: number; task: string; environment: string; ref: string }[] = [];
  const statuses: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://github");
    const body = await text(request);
    const say = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
    if (request.headers.authorization !== "Bearer ghp_token") return say(401, { message: "Bad credentials" });
    const given = body === "" ? {} : JSON.parse(body);
    if (request.method === "GET") {
      const asked = ["task", "environment"] as const;
      const fits = (one: (typeof deployments)[number]) =>
        asked.every((name) => !searchParams.has(name) || searchParams.get(name) === one[name]);
      return say(200, deployments.filter(fits));
    }
    const id = Number(/^\/repos\/acme\/shop\/deployments\/(\d+)\/statuses$/.exec(pathname)?.[1]);
    if (id > 0 && given.description.length <= 140) {
      statuses.push(`${id} ${given.environment} ${given.state}`);
      return say(201, {});
    }
    if (pathname !== "/repos/acme/shop/deployments") return say(404, {});
    if (!known.includes(given.ref)) return say(422, { message: `No ref found for: ${given.ref}` });
    deployments.push({ id: deployments.length + 1, ...given });
    return say(201, { id: deployments.length });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    ...{ deployments, statuses },
    url: `http://127.0.0.1:${port}/repos/acme/shop`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const at = (url: string, token = "ghp_token") => ({
  url,
  send,
  headers: { authorization: `Bearer ${token}` },
});

const send = (call: HttpCall) => post(call, new AbortController().signal);

async function tell(url: string, event: KilnEvent) {
  const told = toldToGitHub(event, "host-1");
  if (told !== undefined) await tellGitHub(at(url), told);
}

test("a rollout is one deployment of its commit, with what became of it, also when events are sent again", async () => {
  await using hub = await gitHub([commit]);
  const started = rollout("rollout.started", { origin: { commit } });
  for (const event of [started, started, rollout("rollout.completed")]) await tell(hub.url, event);
  expect(hub.deployments).toMatchObject([
    { ref: commit, environment: "production", task: "kiln/host-1/rollout/7" },
  ]);
  expect(hub.statuses).toEqual([
    "1 production in_progress",
    "1 production in_progress",
    "1 production success",
  ]);
  await tell(hub.url, rollout("rollout.failed", { rollout: 8 })); // it began before there was a webhook
  await tell(hub.url, rollout("server.tainted"));
  expect(hub.statuses).toHaveLength(3);
});

test("a commit that GitHub does not have, or none, holds nothing up", async () => {
  await using hub = await gitHub([]);
  await tell(hub.url, rollout("rollout.started", { origin: { commit } }));
  await tell(hub.url, rollout("rollout.started"));
  expect([hub.deployments, hub.statuses]).toEqual([[], []]);
});

test("a wrong token or repository is a failure that names neither", async () => {
  await using hub = await gitHub([commit]);
  await checkGitHub(at(hub.url));
  const bad = checkGitHub(at(hub.url, "ghp_other"));
  await expect(bad).rejects.toMatchObject({
    code: "webhook_failed",
    message: expect.not.stringContaining("ghp_"),
  });
  const started = rollout("rollout.started", { origin: { commit } });
  await expect(tell(`${hub.url}s`, started)).rejects.toMatchObject({ code: "webhook_failed" });
});
