import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { anApi, fakeOperations } from "../../api/testing.ts";
import { systemClock } from "../../lib/time/clock.ts";
import { isAllowed } from "./allowed.ts";
import { serveDashboard } from "./dashboard.ts";
import { Gate } from "./gate.ts";
import { userIn } from "./peer-user.ts";

interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

type Ask = (path: string, headers?: Readonly<Record<string, string>>, body?: string) => Promise<Got>;

/** A dashboard in front of operations that answer with full values, and a way to ask it as any program could. */
async function aDashboard() {
  const fake = fakeOperations();
  const api = await anApi(fake.operations);
  const page = new Map([["/index.html", { body: Buffer.from("<title>Kiln</title>"), type: "text/html" }]]);
  const upstream = { endpoint: { socketPath: api.socketPath }, stated: "ada@example.com" };
  const dashboard = await serveDashboard({ ...upstream, page, port: 0, clock: systemClock });
  const url = new URL(dashboard.url);
  const ask: Ask = (path, headers = {}, body) =>
    new Promise((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const call = request({ host: "127.0.0.1", port: url.port, path, method, headers, agent: false });
      call.once("error", reject);
      call.once("response", async (answer) => {
        let text = "";
        for await (const chunk of answer.setEncoding("utf8")) text += chunk;
        resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers });
      });
      call.end(body);
    });
  /** Opens the link; gives what a browser then sends with each request. */
  const enter = async () => {
    const { headers } = await ask(url.pathname);
    return { cookie: String(headers["set-cookie"]?.[0]?.split(";")[0]) };
  };
  return {
    ...{ url, ask, enter, calls: fake.calls },
    [Symbol.asyncDispose]: async () => {
      await dashboard.close();
      await api[Symbol.asyncDispose]();
    },
  };
}

const json = { "content-type": "application/json" };
const rollback = "/v1/services/shop/rollback";

describe("the link", () => {
  test("lets one browser in, once; its cookie is for no script and no other site", async () => {
    await using house = await aDashboard();
    const first = await house.ask(house.url.pathname);
    expect([first.status, String(first.headers["set-cookie"])]).toEqual([
      ...[200, expect.stringMatching(/; HttpOnly; SameSite=Strict; Path=\/$/)],
    ]);
    expect(first.text).toContain("<title>Kiln</title>");
    expect((await house.ask(house.url.pathname)).status).toBe(403);
    const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";
    const again = await house.ask("/", { cookie });
    expect([again.text, again.headers.link]).toEqual([first.text, first.headers.link]);
    expect((await house.ask("/drift", { cookie })).headers.link).toBeUndefined();
  });

  test("is not guessed, and not open for long", () => {
    const gate = new Gate(1, 0);
    expect([gate.enter("", 0, 1), gate.enter("x".repeat(32), 0, 1)]).toEqual([undefined, undefined]);
    expect(gate.enter(gate.code ?? "", 0, 10 * 60_000 + 1)).toBeUndefined();
  });

  test("without it there is nothing, nor with another's cookie", async () => {
    await using house = await aDashboard();
    const cookie = `kiln-ui-${house.url.port}=`;
    for (const headers of [{}, { cookie }, { cookie: `${cookie}${"x".repeat(32)}` }]) {
      expect((await house.ask("/", headers)).status).toBe(401);
      expect((await house.ask("/v1/overview", headers)).status).toBe(401);
    }
    expect(house.calls).toEqual([]);
  });

  test("another user of the machine does not get in with the same cookie", () => {
    const gate = new Gate(1, 0);
    const cookie = gate.enter(gate.code ?? "", 1000, 1)?.split(";")[0];
    expect([gate.admits({ cookie, user: 1000 }), gate.admits({ cookie, user: 1001 })]).toEqual([true, false]);
    const table =
      "   0: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1";
    expect([userIn(table, 0x9c40, 0x1f90), userIn(table, 0x1f90, 0x9c40)]).toEqual([1000, undefined]);
  });
});

describe("who is in", () => {
  test("asks the controller, which sees who runs the dashboard", async () => {
    await using house = await aDashboard();
    const inside = await house.enter();
    const overview = await house.ask("/v1/overview?q=sh", inside);
    expect([overview.status, JSON.parse(overview.text).total]).toEqual([200, 2]);
    const again = await house.ask("/v1/overview?q=sh", {
      ...inside,
      "if-none-match": String(overview.headers.etag),
    });
    expect(again.status).toBe(304);
    const origin = house.url.origin;
    const done = await house.ask(rollback, { ...inside, ...json, origin }, '{"reason":"it is slow"}');
    expect(done.status).toBe(200);
    const actor = expect.objectContaining({ via: "socket", stated: "ada@example.com" });
    expect(house.calls.at(-1)).toEqual([
      ...["rollback", { service: "shop", reason: "it is slow" }, expect.objectContaining({ actor })],
    ]);
  });

  test("reads streams as they come, and the controller's errors", async () => {
    await using house = await aDashboard();
    const inside = await house.enter();
    expect((await house.ask("/v1/events?after=2", inside)).text).toMatch(/^id: 3\n/);
    expect((await house.ask("/v1/overview?limit=x", inside)).status).toBe(400);
  });
});

describe("refused is", () => {
  test("another name for this address", async () => {
    await using house = await aDashboard();
    const inside = await house.enter();
    for (const host of ["evil.example", `localhost:${house.url.port}`, `evil.example:${house.url.port}`]) {
      expect((await house.ask("/v1/overview", { ...inside, host })).status).toBe(421);
    }
    expect(house.calls).toEqual([]);
  });

  test("a change that another page asks for", async () => {
    await using house = await aDashboard();
    const inside = await house.enter();
    for (const origin of [{}, { origin: "http://evil.example" }, { origin: "null" }]) {
      expect((await house.ask(rollback, { ...inside, ...json, ...origin }, "{}")).status).toBe(403);
    }
    const site = { "sec-fetch-site": "same-site", origin: house.url.origin };
    expect((await house.ask(rollback, { ...inside, ...json, ...site }, "{}")).status).toBe(403);
    expect((await house.ask("/v1/overview", { ...inside, "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect(house.calls).toEqual([]);
  });

  test("what the page never asks for", async () => {
    const never = [
      ...["/v1/services/shop/deploy", "/v1/services/shop/remove", "/v1/servers/a/exec", "/v1/audit/rotate"],
      ...["/v1/controller/shutdown", "/v1/services/shop/secrets/KEY", "/v1/services/shop/rollback/"],
    ];
    for (const path of never) expect(isAllowed("POST", path), path).toBe(false);
    for (const path of ["/v1/services/shop/volumes/data/archive", "/v2/", "/metrics", "/v1/secrets"]) {
      expect(isAllowed("GET", path), path).toBe(false);
    }
    expect(isAllowed("POST", rollback)).toBe(true);
    await using house = await aDashboard();
    const headers = { ...(await house.enter()), ...json, origin: house.url.origin };
    expect((await house.ask("/v1/controller/shutdown", headers, "{}")).status).toBe(403);
  });
});

test("every answer says that nothing else may run in the page", async () => {
  await using house = await aDashboard();
  const inside = await house.enter();
  for (const got of [
    await house.ask("/"),
    await house.ask("/", inside),
    await house.ask("/v1/overview", inside),
  ]) {
    expect(got.headers["content-security-policy"]).toMatch(/default-src 'none'.*require-trusted-types-for/);
    expect(got.headers["x-content-type-options"]).toBe("nosniff");
  }
});
