import type { IncomingMessage } from "node:http";
import type { Operations } from "../controller/operations.ts";
import { connectionError, toError } from "./client-errors.ts";
import { itemsOf } from "./client-stream.ts";
import { pathOf, paths, type RouteName } from "./contract-paths.ts";

/** As an `import` it would load all that fetch() is made of, too: 40 ms at the start of every command (Node.js 24). */
const { request } = process.getBuiltinModule("node:http");

/** A controller in another process: the same operations, over its socket. */
export type Client = Operations;

type Values = Readonly<Record<string, string | number | boolean | undefined>>;

interface Ask {
  readonly params?: Values;
  readonly query?: Values;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Operations that ask the controller behind this Unix socket. Errors are those of the controller; besides, every call
 * may throw `controller_unreachable`, and `not_root` when the socket belongs to somebody else. Nothing connects before
 * the first call. What is undefined in an answer is absent from it.
 */
export function createClient(socketPath: string): Client {
  const ask = <Answer>(name: RouteName, what: Ask = {}) => askJson<Answer>(socketPath, name, what);
  const stream = <Item>(name: RouteName, what: Ask) => askStream<Item>(socketPath, name, what);
  return {
    check: ({ service, ...body }) => ask("check", { params: { service }, body }),
    deploy: ({ service, ...body }) => ask("deploy", { params: { service }, body }),
    preview: ({ service, ...body }) => ask("preview", { params: { service }, body }),
    rollback: (service, release, by) => ask("rollback", { params: { service }, body: { release, by } }),
    scale: (service, count, by) => ask("scale", { params: { service }, body: { count, by } }),
    remove: (service, by) => ask("remove", { params: { service }, body: { by } }),
    abort: (service, by) => ask("abort", { params: { service }, body: { by } }),
    pause: (service, by) => ask("pause", { params: { service }, body: { by } }),
    resume: (service, by) => ask("resume", { params: { service }, body: { by } }),
    promote: (service, by) => ask("promote", { params: { service }, body: { by } }),
    status: async (service) =>
      service === undefined ? ask("statusAll") : [await ask("status", { params: { service } })],
    rollout: (id) => ask("rollout", { params: { id } }),
    history: (service) => ask("history", { params: { service } }),
    secrets: (service) => ask("secrets", { query: { service } }),
    setSecret: (service, name, value, by) =>
      ask("setSecret", { params: { service, name }, body: { value, by } }),
    removeSecret: (service, name, by) => ask("removeSecret", { params: { service, name }, body: { by } }),
    imagesInUse: async () =>
      new Map(Object.entries(await ask<Record<string, readonly string[]>>("imagesInUse"))),
    events: ({ signal, ...query }) =>
      stream("events", { query: { ...query, ...(signal ? { follow: true } : {}) }, signal }),
    audit: () => ask("audit"),
    checkpoint: () => ask("checkpoint"),
    acceptBreaks: (body) => ask("acceptBreaks", { body }),
    rotateAuditKey: (by) => ask("rotateAuditKey", { body: { by } }),
    drift: (query) => ask("drift", { query: { ...query } }),
    evidence: () => ask("evidence"),
    evidenceOf: (server) => ask("evidenceOf", { params: { server } }),
    exportEvidence: (server, signal) => stream("exportEvidence", { params: { server }, signal }),
    destroyServer: (server, by) => ask("destroyServer", { params: { server }, body: { by } }),
    reproduce: (server, by) => ask("reproduce", { params: { server }, body: { by } }),
    exec: ({ server, ...body }) => ask("exec", { params: { server }, body }),
    endExec: (session, exitCode) => ask("endExec", { params: { session }, body: { exitCode } }),
    logs: (server, query, signal) => stream("logs", { params: { server }, query: { ...query }, signal }),
    info: () => ask("info"),
    shutdown: () => ask("shutdown"),
  };
}

/** Undefined for an answer without content. */
async function askJson<Answer>(socketPath: string, name: RouteName, what: Ask): Promise<Answer> {
  const answer = await send(socketPath, name, what);
  const text = await textOf(answer, socketPath);
  const value = parsed(text);
  const understood = value !== undefined || text === "";
  if (!succeeded(answer) || !understood) throw toError(value, answer.statusCode);
  return value as Answer;
}

/** Ends quietly when the signal fires. */
async function* askStream<Item>(socketPath: string, name: RouteName, what: Ask): AsyncGenerator<Item> {
  try {
    const answer = await send(socketPath, name, what);
    if (!succeeded(answer)) throw toError(parsed(await textOf(answer, socketPath)), answer.statusCode);
    yield* itemsOf<Item>(answer);
  } catch (error) {
    if (!what.signal?.aborted) throw error;
  }
}

function send(socketPath: string, name: RouteName, what: Ask): Promise<IncomingMessage> {
  const body = what.body && JSON.stringify(what.body);
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      method: paths[name].method,
      path: pathOf(name, what.params, what.query),
      headers: body === undefined ? {} : { "content-type": "application/json" },
      agent: false, // a kept connection may be closed by the other side just when it is used again
      ...(what.signal ? { signal: what.signal } : {}),
    });
    call.once("response", resolve);
    call.once("error", (error) => reject(connectionError(error, socketPath)));
    call.end(body);
  });
}

async function textOf(answer: IncomingMessage, socketPath: string): Promise<string> {
  try {
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += chunk;
    return text;
  } catch (error) {
    throw connectionError(error, socketPath);
  }
}

function succeeded({ statusCode = 500 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
