import { once } from "node:events";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import type { Operations } from "../controller/operations.ts";
import { type ErrorCode, errorCodes } from "../lib/error-codes.ts";
import { KilnError } from "../lib/errors.ts";
import { createClient } from "./client.ts";
import { connectionError } from "./client-errors.ts";
import { contract, type Route } from "./contract.ts";
import { pathOf, paths, type RouteName } from "./contract-paths.ts";
import {
  aCheckRequest,
  aDeployRequest,
  allOf,
  anAcceptRequest,
  anApi,
  anEvent,
  answers,
  by,
  fakeOperations,
  rawRequest,
} from "./testing.ts";

const { signal } = new AbortController();
const faultOf = async (work: Promise<unknown>): Promise<KilnError> => {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return error;
  throw error;
};

const anExec = {
  ...{ server: "shop-1-1-1", command: ["sh"], reason: "it hangs", terminal: true },
  ...{ pid: 4711, by },
};

const calls: readonly (readonly [keyof Operations, readonly unknown[], (client: Operations) => unknown])[] = [
  ["check", [aCheckRequest()], (c) => c.check(aCheckRequest())],
  ["deploy", [aDeployRequest()], (c) => c.deploy(aDeployRequest())],
  ["preview", [aDeployRequest()], (c) => c.preview(aDeployRequest())],
  ["rollback", ["shop", 4, by], (c) => c.rollback("shop", 4, by)],
  ["rollback", ["shop", undefined, by], (c) => c.rollback("shop", undefined, by)],
  ["scale", ["shop", 0, by], (c) => c.scale("shop", 0, by)],
  ["remove", ["shop.staging", by], (c) => c.remove("shop.staging", by)],
  ["abort", ["shop", by], (c) => c.abort("shop", by)],
  ["pause", ["shop", by], (c) => c.pause("shop", by)],
  ["resume", ["shop", by], (c) => c.resume("shop", by)],
  ["promote", ["shop", by], (c) => c.promote("shop", by)],
  ["status", [], (c) => c.status()],
  ["status", ["shop"], (c) => c.status("shop")],
  ["rollout", [7], (c) => c.rollout(7)],
  ["history", ["shop"], (c) => c.history("shop")],
  ["secrets", [undefined], (c) => c.secrets()],
  ["secrets", ["shop"], (c) => c.secrets("shop")],
  ["setSecret", ["shop", "DB_PASSWORD", "aGk=", by], (c) => c.setSecret("shop", "DB_PASSWORD", "aGk=", by)],
  ["removeSecret", ["shop", "DB_PASSWORD", by], (c) => c.removeSecret("shop", "DB_PASSWORD", by)],
  ["imagesInUse", [], (c) => c.imagesInUse()],
  [
    "events",
    [{ after: 1, newest: 5, service: "shop" }],
    (c) => allOf(c.events({ after: 1, newest: 5, service: "shop" })),
  ],
  [
    "events",
    [{ sinceMs: 4, server: "shop-1-1-1" }],
    (c) => allOf(c.events({ sinceMs: 4, server: "shop-1-1-1" })),
  ],
  ["audit", [], (c) => c.audit()],
  ["checkpoint", [], (c) => c.checkpoint()],
  ["acceptBreaks", [anAcceptRequest], (c) => c.acceptBreaks(anAcceptRequest)],
  ["rotateAuditKey", [by], (c) => c.rotateAuditKey(by)],
  ["drift", [{}], (c) => c.drift({})],
  [
    "drift",
    [{ server: "shop-1-1-1", inspect: true }],
    (c) => c.drift({ server: "shop-1-1-1", inspect: true }),
  ],
  ["evidence", [], (c) => c.evidence()],
  ["evidenceOf", ["shop-1-1-1"], (c) => c.evidenceOf("shop-1-1-1")],
  [
    "exportEvidence",
    ["shop-1-1-1", expect.any(AbortSignal)],
    (c) => allOf(c.exportEvidence("shop-1-1-1", signal)),
  ],
  ["destroyServer", ["shop-1-1-1", by], (c) => c.destroyServer("shop-1-1-1", by)],
  ["reproduce", ["shop-1-1-1", by], (c) => c.reproduce("shop-1-1-1", by)],
  ["exec", [anExec], (c) => c.exec(anExec)],
  ["endExec", [7, 137], (c) => c.endExec(7, 137)],
  [
    "logs",
    ["shop-1-1-1", { tail: 3 }, expect.any(AbortSignal)],
    (c) => allOf(c.logs("shop-1-1-1", { tail: 3 }, signal)),
  ],
  ["info", [], (c) => c.info()],
  ["shutdown", [], (c) => c.shutdown()],
];

test.each(calls)("%s arrives as it was asked, and its answer as it was given", async (name, args, call) => {
  const fake = fakeOperations();
  await using api = await anApi(fake.operations);
  const answer = await call(api.client);
  expect(fake.calls).toEqual([[name, ...args]]);
  expect(answer).toEqual(await call(answers));
});

test("no operation is without a test of its route", () => {
  expect(new Set(calls.map(([name]) => name))).toEqual(new Set(Object.keys(answers)));
});

test("every answer is what the contract says", async () => {
  await using api = await anApi(answers);
  const params = { service: "shop", id: 7, server: "shop-1-1-1", session: 7, name: "DB_PASSWORD" };
  const bodies: Partial<Record<RouteName, object>> = {
    ...{
      check: { draft: aCheckRequest().draft },
      rollback: { by },
      scale: { count: 2, by },
      abort: { by },
      pause: { by },
      resume: { by },
      promote: { by },
      remove: { by },
      setSecret: { value: "aGk=", by },
      removeSecret: { by },
      acceptBreaks: anAcceptRequest,
      rotateAuditKey: { by },
      destroyServer: { by },
      reproduce: { by },
      exec: { command: ["sh"], reason: "it hangs", terminal: true, pid: 4711, by },
      endExec: { exitCode: 0 },
    },
  };
  const { service: _, ...draft } = aDeployRequest();
  for (const [name, route] of Object.entries<Route>(contract) as [RouteName, Route][]) {
    const body = route.body === undefined ? {} : { body: JSON.stringify(bodies[name] ?? draft) };
    const answer = await rawRequest(api, route.method, pathOf(name, params), body);
    expect([name, answer.status]).toEqual([name, route.answer || route.item ? 200 : 204]);
    if (route.answer) route.answer.parse(JSON.parse(answer.text));
    const data = answer.text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: {}");
    if (route.item) expect(data.length).toBeGreaterThan(1);
    for (const line of data) route.item?.parse(JSON.parse(line.slice("data: ".length)));
  }
});

test("every error arrives with its code, status and all that helps", async () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const problems = [{ message: "x", place: { file: "kiln.yaml", line: 3, column: 1 }, hint: "y" }];
    const thrown = new KilnError(code, `It is ${code}.`, { hint: "Do this.", retry: true, problems });
    await using api = await anApi(fakeOperations({ info: () => Promise.reject(thrown) }).operations);
    const { code: got, message, hint, retry, exitCode, ...rest } = await faultOf(api.client.info());
    expect([got, message, hint, retry, exitCode, rest.problems]).toEqual([
      ...[code, thrown.message, "Do this.", true, thrown.exitCode, problems],
    ]);
    const raw = await rawRequest(api, "GET", paths.info.path);
    expect([raw.status, JSON.parse(raw.text).code]).toEqual([errorCodes[code].status, code]);
  }
});

test("an unforeseen error is internal, without its stack", async () => {
  const fake = fakeOperations({ info: () => Promise.reject(new TypeError("x is not a function")) });
  await using api = await anApi(fake.operations);
  const raw = await rawRequest(api, "GET", paths.info.path);
  expect([raw.status, JSON.parse(raw.text)]).toEqual([
    500,
    { code: "internal", message: "x is not a function", retry: false },
  ]);
});

const good = aDeployRequest();
const badBodies: readonly (readonly [string, unknown, readonly string[]])[] = [
  ["nothing", undefined, ["body: missing (expected object)"]],
  ["a list", [], ["body: expected object, received array"]],
  ["no count", { ...good, service: undefined, count: undefined }, ["body.count: missing (expected number)"]],
  [
    "half a server",
    { ...good, service: undefined, count: 1.5 },
    ["body.count: expected int, received number"],
  ],
  [
    "a field of another name",
    { ...good, service: undefined, cuont: 3 },
    ["body.cuont: there is no such field"],
  ],
  [
    "several mistakes",
    {
      ...good,
      service: undefined,
      by: "",
      draft: { ...good.draft, image: "latest", shape: { ...good.draft.shape, port: 0 } },
    },
    [
      "body.draft.image: sha256: and 64 hex digits",
      "body.draft.shape.port: Too small: expected number to be >=1",
      "body.by: Too small: expected string to have >=1 characters",
    ],
  ],
  [
    "a path that is not absolute",
    {
      ...good,
      service: undefined,
      draft: { ...good.draft, shape: { ...good.draft.shape, writable: ["/run", "tmp"] } },
    },
    ["body.draft.shape.writable[1]: an absolute path"],
  ],
  [
    "a file that would leave its place, and more than 1 MiB",
    {
      ...good,
      service: undefined,
      draft: {
        ...good.draft,
        files: [
          { to: "/run/../etc/shadow", mode: 0o444, content: "" },
          { to: "/a", mode: 0o444, content: Buffer.alloc(1024 * 1024 + 1).toString("base64") },
        ],
      },
    },
    [
      "body.draft.files[0].to: an absolute path in its shortest form",
      "body.draft.files: at most 1048576 bytes together",
    ],
  ],
];

test.each(badBodies)("a body with %s is refused, and its fields are named", async (_, body, messages) => {
  const fake = fakeOperations();
  await using api = await anApi(fake.operations);
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const raw = await rawRequest(api, "POST", pathOf("deploy", { service: "shop" }), sent);
  const answer = JSON.parse(raw.text);
  expect([raw.status, answer.code]).toEqual([400, "usage"]);
  expect(answer.problems.map((problem: { message: string }) => problem.message)).toEqual(messages);
  expect(fake.calls).toEqual([]);
});

test.each([
  [
    "POST",
    pathOf("deploy", { service: "../etc" }),
    "path.service: a service's name, optionally with .ENVIRONMENT",
  ],
  ["GET", "/v1/rollouts/abc", "path.id: a whole number"],
  ["GET", "/v1/events?after=-1", "query.after: a whole number"],
  ["GET", "/v1/events?folow=true", "query.folow: there is no such field"],
])("%s %s is refused by name", async (method, path, message) => {
  await using api = await anApi(answers);
  const { service: _, ...body } = good;
  const raw = await rawRequest(api, method, path, method === "POST" ? { body: JSON.stringify(body) } : {});
  expect([raw.status, JSON.parse(raw.text).message]).toEqual([400, message]);
});

test("malformed JSON, a body that is too large, another type and an unknown route have their answers", async () => {
  await using api = await anApi(answers);
  const path = pathOf("scale", { service: "shop" });
  const codeOf = async (
    ...args: Parameters<typeof rawRequest> extends [unknown, ...infer Rest] ? Rest : never
  ) => {
    const raw = await rawRequest(api, ...args);
    return [raw.status, JSON.parse(raw.text).code];
  };
  expect(await codeOf("POST", path, { body: '{"count": 3,' })).toEqual([400, "usage"]);
  expect(await codeOf("POST", path, { body: JSON.stringify({ by: "x".repeat(2 * 1024 * 1024) }) })).toEqual([
    ...[413, "request_too_large"],
  ]);
  const form = { body: "count=3", headers: { "content-type": "application/x-www-form-urlencoded" } };
  expect(await codeOf("POST", path, form)).toEqual([400, "usage"]);
  expect(await codeOf("GET", "/v2/services")).toEqual([404, "route_unknown"]);
  expect(await codeOf("DELETE", "/v1/services/shop")).toEqual([404, "route_unknown"]);
  expect(await codeOf("GET", "/v1/services/%zz")).toEqual([400, "usage"]);
});

test("a prototype in a body does not come through", async () => {
  const fake = fakeOperations();
  await using api = await anApi(fake.operations);
  const body = `{"count": 3, "by": "${by}", "__proto__": {"admin": true}}`;
  const raw = await rawRequest(api, "POST", pathOf("scale", { service: "shop" }), { body });
  expect([raw.status, fake.calls]).toEqual([400, []]);
});

test("nobody at the socket, or nobody any more, is told apart from somebody else's controller", async () => {
  await using api = await anApi(answers);
  const stale = `${api.socketPath}.stale`;
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(api.socketPath.replace(/s$/, "broken")), "listening");
  for (const path of [`${api.socketPath}.none`, api.socketPath.replace(/s$/, "broken")]) {
    const gone = await faultOf(createClient(path).info());
    expect([gone.code, gone.retry, gone.exitCode]).toEqual(["controller_unreachable", true, 1]);
    expect((await faultOf(allOf(createClient(path).events({})))).code).toBe("controller_unreachable");
  }
  renameSync(api.socketPath.replace(/s$/, "broken"), stale);
  await new Promise((done) => server.close(done));
  expect(existsSync(stale)).toBe(true);
  expect((await faultOf(createClient(stale).info())).message).toBe(`No controller answers at ${stale}.`);

  const denied = Object.assign(new Error("connect"), { code: "EACCES" });
  expect(connectionError(denied, "/s")).toMatchObject({ code: "not_root", exitCode: 3 });
});

test("an answer of something that is no controller is not mistaken for one", async () => {
  await using api = await anApi(answers);
  for (const [status, text] of [
    [200, "<html>"],
    [500, "{}"],
    [502, ""],
    [418, '{"code": "teapot", "message": "x"}'],
  ] as const) {
    const path = `${api.socketPath}.${status}`;
    const server = createHttpServer((_, answer) => void answer.writeHead(status).end(text));
    await once(server.listen(path), "listening");
    expect((await faultOf(createClient(path).info())).code).toBe("internal");
    await new Promise((done) => server.close(done));
  }
});

test("the OpenAPI document has every route, and every reference leads somewhere", async () => {
  await using api = await anApi(answers);
  const raw = await rawRequest(api, "GET", paths.openapi.path);
  const document = JSON.parse(raw.text);
  expect(document.openapi).toBe("3.1.1");
  const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const expected = Object.values(paths).map((p) => `${p.method} ${p.path.replaceAll(/:([a-z]+)/g, "{$1}")}`);
  expect(described.toSorted()).toEqual(expected.toSorted());
  const references = [...raw.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((m) => m[1]);
  expect(references.length).toBeGreaterThan(20);
  for (const name of references) expect(document.components.schemas).toHaveProperty([name ?? ""]);
  expect(document.paths["/v1/services/{service}/scale"].post).toMatchObject({
    operationId: "scale",
    parameters: [{ name: "service", in: "path", required: true }],
    requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/ScaleBody" } } } },
  });
});

test("docs/api.md names every route", () => {
  const docs = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  const named = [...docs.matchAll(/^\| `(GET|POST) (\/v1\/[^`?]*)/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  expect(named.toSorted()).toEqual(
    Object.values(paths)
      .map(({ method, path }) => `${method} ${path}`)
      .toSorted(),
  );
});

test("the client brings neither zod nor fastify with it", async () => {
  const seen = new Set<string>();
  const visit = (url: URL) => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = readFileSync(url, "utf8");
    for (const [, from] of source.matchAll(/^import (?!type )[^;]*? from "([^"]+)"/gms)) {
      if (from?.startsWith(".")) visit(new URL(from, url));
      else expect(from).toMatch(/^node:/);
    }
  };
  visit(new URL("client.ts", import.meta.url));
  expect(seen.size).toBeGreaterThanOrEqual(4);
});

test("events have their sequence number as id", async () => {
  await using api = await anApi(answers);
  const raw = await rawRequest(api, "GET", "/v1/events?after=2");
  expect(raw.type).toBe("text/event-stream");
  expect(raw.text).toBe(`id: 3\ndata: ${JSON.stringify(anEvent(3))}\n\nevent: end\ndata: {}\n\n`);
});
