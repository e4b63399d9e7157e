import { once } from "node:events";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ErrorCode, errorCodes } from "../lib/error-codes.ts";
import { KilnError } from "../lib/errors.ts";
import { createClient } from "./client/client.ts";
import { connectionError } from "./client/errors.ts";
import { aDeployRequest } from "./contract/changes/testing.ts";
import { type ContractEntry, openApiPath, requestOf, table } from "./contract/contract.ts";
import { anEvent } from "./contract/events/testing.ts";
import { answers } from "./contract/shapes.ts";
import { answered, asked } from "./contract/testing.ts";
import type { OperationName } from "./contract/types.ts";
import { allOf, anApi, fakeOperations, rawRequest, stated, type TestApi } from "./testing.ts";

const faultOf = async (work: Promise<unknown>): Promise<KilnError> => {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof KilnError) return error;
  throw error;
};
const service = "shop";
const calls = Object.entries(asked).flatMap(([name, all]) => all.map((one) => [name, one] as const));

type Call = (asked: object, how?: object) => Promise<unknown> | AsyncIterable<unknown>;

/** What an operation answers; all that it streams. */
async function answerOf(operations: object, name: string, ...args: Parameters<Call>): Promise<unknown> {
  const call = Object.entries(operations).find(([key]) => key === name)?.[1] as Call;
  const answer = call(...args);
  return Symbol.asyncIterator in answer ? await allOf(answer) : await answer;
}

/** One for all tests whose operations answer with full values: to make one takes longer than to ask it. */
const fake = fakeOperations();
let api: TestApi;
beforeAll(async () => {
  api = await anApi(fake.operations);
});
afterAll(() => api[Symbol.asyncDispose]());

/** What the operations are asked while `work` runs. */
async function callsDuring(work: () => Promise<unknown>): Promise<readonly (readonly unknown[])[]> {
  const before = fake.calls.length;
  await work();
  return fake.calls.slice(before);
}

test.each(calls)("%s arrives as it was asked, and its answer as it was given", async (name, one) => {
  let answer: unknown;
  const arrived = await callsDuring(async () => {
    answer = await answerOf(api.client, name, one);
  });
  expect(arrived).toEqual([[name, one, expect.anything()]]);
  expect(answer).toEqual(await answerOf(answered, name, one));
});

test("the kernel names who changes something; what the client states is recorded as a statement", async () => {
  const arrived = await callsDuring(() => api.client.scale({ service, count: 2 }));
  const uid = process.getuid?.();
  const actor = { via: "socket", name: userInfo().username, uid, stated };
  expect(arrived).toEqual([["scale", { service, count: 2 }, { actor }]]);
});

test("no operation is without a test of its route", () => {
  expect(Object.keys(asked).toSorted()).toEqual(Object.keys(table).toSorted());
});

test.each(calls)("the answer of %s is what the contract says", async (name, one) => {
  const entry: ContractEntry = table[name as OperationName];
  const { path, body } = requestOf(entry, { ...one });
  const raw = await rawRequest(api, entry.method, path, body === undefined ? {} : { body });
  expect(raw.status).toBe(entry.answers || entry.items ? 200 : 204);
  if (entry.answers) answers[entry.answers].parse(JSON.parse(raw.text));
  const data = raw.text.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: {}");
  if (entry.items) expect(data.length).toBeGreaterThan(0);
  for (const line of data) entry.items && answers[entry.items].parse(JSON.parse(line.slice("data: ".length)));
});

test("every error arrives with its code, status and all that helps", async () => {
  let thrown = new KilnError("internal", "none yet");
  await using failing = await anApi(fakeOperations({ info: () => Promise.reject(thrown) }).operations);
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const problems = [{ message: "x", place: { file: "kiln.yaml", line: 3, column: 1 }, hint: "y" }];
    thrown = new KilnError(code, `It is ${code}.`, { hint: "Do this.", retry: true, problems });
    const { code: got, message, hint, retry, exitCode, ...rest } = await faultOf(failing.client.info());
    expect([got, message, hint, retry, exitCode, rest.problems]).toEqual([
      ...[code, thrown.message, "Do this.", true, thrown.exitCode, problems],
    ]);
    const raw = await rawRequest(failing, "GET", table.info.path);
    expect([raw.status, JSON.parse(raw.text).code]).toEqual([errorCodes[code].status, code]);
  }
});

test("an unforeseen error is internal, without its stack", async () => {
  const fake = fakeOperations({ info: () => Promise.reject(new TypeError("x is not a function")) });
  await using api = await anApi(fake.operations);
  const raw = await rawRequest(api, "GET", table.info.path);
  expect([raw.status, JSON.parse(raw.text)]).toEqual([
    500,
    { code: "internal", message: "x is not a function", retry: false },
  ]);
});

const good = aDeployRequest();
const badBodies: readonly (readonly [string, unknown, readonly string[]])[] = [
  [
    "nothing",
    undefined,
    [
      "body.count: missing (expected number)",
      "body.draft: missing (expected object)",
      "body.policy: missing (expected object)",
    ],
  ],
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
      draft: { ...good.draft, image: "latest", shape: { ...good.draft.shape, port: 0 } },
    },
    [
      "body.draft.image: sha256: and 64 hex digits",
      "body.draft.shape.port: Too small: expected number to be >=1",
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
  const before = fake.calls.length;
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const raw = await rawRequest(api, "POST", "/v1/services/shop/deploy", sent);
  const answer = JSON.parse(raw.text);
  expect([raw.status, answer.code]).toEqual([400, "usage"]);
  expect(answer.problems.map((problem: { message: string }) => problem.message)).toEqual(messages);
  expect(fake.calls).toHaveLength(before);
});

test.each([
  ["POST", "/v1/services/..%2Fetc/deploy", "path.service: a service's name, optionally with .ENVIRONMENT"],
  ["GET", "/v1/rollouts/abc", "path.id: a whole number"],
  ["GET", "/v1/events?after=-1", "query.after: a whole number"],
  ["GET", "/v1/events?folow=true", "query.folow: there is no such field"],
])("%s %s is refused by name", async (method, path, message) => {
  const { service: _, ...body } = good;
  const raw = await rawRequest(api, method, path, method === "POST" ? { body: JSON.stringify(body) } : {});
  expect([raw.status, JSON.parse(raw.text).message]).toEqual([400, message]);
});

test("malformed JSON, a body that is too large, another type and an unknown route have their answers", async () => {
  const path = "/v1/services/shop/scale";
  const codeOf = async (
    ...args: Parameters<typeof rawRequest> extends [unknown, ...infer Rest] ? Rest : never
  ) => {
    const raw = await rawRequest(api, ...args);
    return [raw.status, JSON.parse(raw.text).code];
  };
  expect(await codeOf("POST", path, { body: '{"count": 3,' })).toEqual([400, "usage"]);
  expect(
    await codeOf("POST", path, { body: JSON.stringify({ reason: "x".repeat(2 * 1024 * 1024) }) }),
  ).toEqual([...[413, "request_too_large"]]);
  const form = { body: "count=3", headers: { "content-type": "application/x-www-form-urlencoded" } };
  expect(await codeOf("POST", path, form)).toEqual([400, "usage"]);
  expect(await codeOf("GET", "/v2/services")).toEqual([404, "route_unknown"]);
  expect(await codeOf("DELETE", "/v1/services/shop")).toEqual([404, "route_unknown"]);
  expect(await codeOf("GET", "/v1/services/%zz")).toEqual([400, "usage"]);
});

test("a prototype in a body does not come through", async () => {
  const before = fake.calls.length;
  const body = '{"count": 3, "__proto__": {"admin": true}}';
  const raw = await rawRequest(api, "POST", "/v1/services/shop/scale", { body });
  expect([raw.status, fake.calls.length]).toEqual([400, before]);
});

test("a socket without a controller, or whose controller ended, differs from another user's controller", async () => {
  const stale = `${api.socketPath}.stale`;
  const server = createServer((socket) => socket.destroy());
  await once(server.listen(api.socketPath.replace(/s$/, "broken")), "listening");
  for (const path of [`${api.socketPath}.none`, api.socketPath.replace(/s$/, "broken")]) {
    const gone = await faultOf(createClient(path).info());
    expect([gone.code, gone.retry, gone.exitCode]).toEqual(["controller_unreachable", true, 1]);
    expect((await faultOf(allOf(createClient(path).events()))).code).toBe("controller_unreachable");
  }
  renameSync(api.socketPath.replace(/s$/, "broken"), stale);
  await new Promise((done) => server.close(done));
  expect(existsSync(stale)).toBe(true);
  expect((await faultOf(createClient(stale).info())).message).toBe(`No controller answers at ${stale}.`);

  const denied = Object.assign(new Error("connect"), { code: "EACCES" });
  expect(connectionError(denied, { socketPath: "/s" })).toMatchObject({ code: "not_root", exitCode: 3 });
});

test("an answer of a program that is not a controller is not mistaken for one", async () => {
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

const routes = Object.values(table).map(({ method, path }) => `${method} ${path}`);

test("the OpenAPI document has every route, and every reference leads somewhere", async () => {
  const raw = await rawRequest(api, "GET", openApiPath);
  const document = JSON.parse(raw.text);
  expect(document.openapi).toBe("3.1.1");
  const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const expected = routes.map((route) => route.replaceAll(/:([a-z]+)/g, "{$1}"));
  expect(described.toSorted()).toEqual(expected.toSorted());
  const references = [...raw.text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map((m) => m[1]);
  expect(references.length).toBeGreaterThan(20);
  for (const name of references) expect(document.components.schemas).toHaveProperty([name ?? ""]);
  expect(document.paths["/v1/services/{service}/scale"].post).toMatchObject({
    operationId: "scale",
    parameters: [{ name: "service", in: "path", required: true }],
    requestBody: { content: { "application/json": { schema: { required: ["count"] } } } },
  });
});

test("docs/api.md names every route", () => {
  const docs = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
  const named = [...docs.matchAll(/^\| `(GET|POST) (\/v1\/[^`?]*)/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  expect(named.toSorted()).toEqual([...routes, `GET ${openApiPath}`].toSorted());
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
  visit(new URL("client/client.ts", import.meta.url));
  expect(seen.size).toBeGreaterThanOrEqual(4);
});

test("events have their sequence number as id", async () => {
  const raw = await rawRequest(api, "GET", "/v1/events?after=2");
  expect(raw.type).toBe("text/event-stream");
  expect(raw.text).toBe(`id: 3\ndata: ${JSON.stringify(anEvent(3))}\n\nevent: end\ndata: {}\n\n`);
});

test("an answer that a client has already is not sent again", async () => {
  const first = await rawRequest(api, "GET", "/v1/overview");
  const headers = { "if-none-match": first.tag ?? "" };
  const again = await rawRequest(api, "GET", "/v1/overview", { headers });
  expect([first.status, again.status, again.text]).toEqual([200, 304, ""]);
  const other = await rawRequest(api, "GET", "/v1/services", { headers });
  expect(other.status).toBe(200);
});
