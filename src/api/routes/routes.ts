import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { z } from "zod";
import type { Need } from "../../domain/access/access.ts";
import type { Actor } from "../../domain/access/actor.ts";
import { errorToJson, KilnError, toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { contentType } from "../../lib/prometheus.ts";
import { type ContractEntry, openApiPath, pathFields, table } from "../contract/contract.ts";
import type { Guard, RequestCaller } from "../contract/guard.ts";
import { openApi } from "../contract/openapi.ts";
import { asks } from "../contract/shapes.ts";
import type { Operations } from "../contract/types.ts";
import { type Metering, metricsPath } from "./metrics.ts";
import { socketGuard } from "./socket-guard.ts";
import { OpenStreams } from "./stream.ts";
import { sendTagged } from "./tagged.ts";
import { validated } from "./validate.ts";

/** A deploy's configuration files, 1 MiB as base64, are the most that is asked of a controller. */
const bodyLimitBytes = 2 * 1024 * 1024;

/** Of what anyone may send who has no token yet: it takes the controller's memory. */
const publicLimitBytes = 16 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** The contract's schemas are zod's. Fastify's own compilers would take 3 MiB, and no route has a schema for them. */
const noCompilers: object = {
  buildValidator: () => () => () => true,
  buildSerializer: () => () => JSON.stringify,
};

/** An operation as its route sees it. */
type Operation = (asked: Fields, who: { readonly actor?: Actor; readonly signal?: AbortSignal }) => unknown;

/**
 * The controller's HTTP API over these operations, not listening yet: the caller gives it a Unix socket and sees to
 * who may open that, or a guard and a server for the network. Every request is checked against the contract; every error is an ErrorJson with its code's status.
 */
export function createApi(operations: Operations, log: Logger, others: Others = {}): FastifyInstance {
  const answerFault = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    answerError(log, error, request, reply);
  const guard = others.guard ?? socketGuard;
  const app = fastify({
    ...(others.server ? { serverFactory: others.server } : {}),
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    frameworkErrors: answerFault,
    routerOptions: { maxParamLength: 200 },
    schemaController: { compilersFactory: noCompilers },
  });
  const streams = new OpenStreams();
  const callers = new Callers(guard);
  const admitToNothing = callers.admit("self");
  app.addHook("onRequest", async (request) => {
    if (request.is404) await admitToNothing(request);
  });
  app.get(openApiPath, { onRequest: callers.admit("self") }, async () =>
    openApi((await operations.info({}, {})).version),
  );
  for (const [name, entry] of Object.entries<ContractEntry>(table)) {
    const operation = operations[name as keyof Operations] as Operation;
    if (guard.serves(entry.needs)) addRoute(app, { entry, operation }, callers, streams);
  }
  if (others.exchange) addExchange(app, others.exchange, callers);
  if (others.pushes) addPushes(app, others.pushes);
  if (others.metering) addMetering(app, others.metering, callers);
  app.setErrorHandler(answerFault);
  app.setNotFoundHandler((request) => {
    throw new KilnError("route_unknown", `The API has no route ${request.method} ${request.url}.`, {
      hint: "GET /v1/openapi.json lists all routes. The client and the controller may be of different versions.",
    });
  });
  app.addHook("preClose", async () => streams.endAll());
  return app;
}

/** Who sent each request that is being answered. */
class Callers {
  readonly #guard: Guard;
  readonly #callers = new WeakMap<FastifyRequest, RequestCaller>();

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /** The hook of a route, which refuses strangers before their body is read. */
  admit(need: Need): (request: FastifyRequest) => Promise<void> {
    return async (request) => void this.#callers.set(request, this.#guard.admit(request.raw, need));
  }

  of(request: FastifyRequest): RequestCaller {
    const caller = this.#callers.get(request);
    if (caller === undefined) throw new Error("a route without a guard");
    return caller;
  }
}

/** What the API has besides the table of operations. */
interface Others {
  /** Absent: the one for the controller's socket. */
  readonly guard?: Guard;
  /** Makes the server; absent: one for plain HTTP. */
  readonly server?: (handler: RequestListener) => Server;
  /** Answers below `/v2/`, where images are exchanged in a protocol of their own. */
  readonly exchange?: Exchange;
  readonly metering?: Metering;
  /** Takes what forges say about pushes; it finds out itself who asks. */
  readonly pushes?: ReceivePush;
}

type ReceivePush = (request: IncomingMessage, id: string) => Promise<object>;

/** Answers everything below `/v2/` itself; `actor` finds out who asks. */
type Exchange = (
  request: IncomingMessage,
  response: ServerResponse,
  actor: () => Promise<Actor>,
) => Promise<void>;

/** Bodies may be larger than memory: they are left to the exchange, unread. */
function addExchange(app: FastifyInstance, exchange: Exchange, callers: Callers): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, done) => done(null));
    scope.route({
      method: ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"],
      url: "/v2/*",
      onRequest: callers.admit("self"),
      handler: async (request, reply) => {
        const caller = callers.of(request);
        caller.requireMayExchange(request.method, request.url);
        reply.hijack();
        await exchange(request.raw, reply.raw, () => caller.actor());
      },
    });
  });
}

/** Bodies are read as they come, by the receiver, and only of a message that may be a forge's. */
function addPushes(app: FastifyInstance, receive: ReceivePush): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, done) => done(null));
    scope.post<{ Params: { id: string } }>("/v1/pushes/:id", async (request, reply) =>
      reply.code(202).send(await receive(request.raw, request.params.id)),
    );
  });
}

function addMetering(app: FastifyInstance, metering: Metering, callers: Callers): void {
  app.addHook("onResponse", async ({ method, routeOptions: { url = "unknown" } }, { statusCode }) =>
    metering.answer({ method, route: url, code: statusCode }),
  );
  app.get(metricsPath, { onRequest: callers.admit("view installation") }, async (_request, reply) =>
    reply.type(contentType).send(await metering.scrape()),
  );
}

interface Served {
  readonly entry: ContractEntry;
  readonly operation: Operation;
}

function addRoute(
  app: FastifyInstance,
  { entry, operation }: Served,
  callers: Callers,
  streams: OpenStreams,
): void {
  const argument = argumentOf(entry);
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const caller = callers.of(request);
    const asked = argument(request);
    await caller.requireMay(entry, asked);
    if (entry.items !== undefined) {
      using stream = caller.openStream();
      const open = (signal: AbortSignal) => visible(operation(asked, { signal }), entry, caller);
      return await streams.send(reply, open, stream.ended);
    }
    const needsActor = entry.method === "POST" || entry.byWhom === true;
    const result = await operation(asked, needsActor ? { actor: await caller.actor() } : {});
    if (entry.answers === undefined) return reply.code(204).send();
    const shown = Array.isArray(result) ? result.filter((item) => caller.sees(entry, item)) : result;
    return entry.method === "GET" ? sendTagged(request, reply, shown) : reply.send(shown);
  };
  const bodyLimit = entry.needs === "public" ? publicLimitBytes : bodyLimitBytes;
  const onRequest = callers.admit(entry.needs);
  app.route({ method: entry.method, url: entry.path, bodyLimit, onRequest, handler });
}

async function* visible(items: unknown, entry: ContractEntry, caller: RequestCaller): AsyncGenerator<object> {
  for await (const item of items as AsyncIterable<object>) if (caller.sees(entry, item)) yield item;
}

interface AskedParts {
  readonly inPath: z.ZodObject;
  /** In the query or the body. */
  readonly rest: z.ZodObject;
}

/** Of each route that has been asked: to make them for all routes takes longer than all else that a new API does. */
const askedParts = new Map<ContractEntry, AskedParts>();

function partsOf(entry: ContractEntry): AskedParts {
  const known = askedParts.get(entry);
  if (known !== undefined) return known;
  const schema: z.ZodObject = asks[entry.asks];
  const names: Record<string, true> = Object.fromEntries(pathFields(entry).map((name) => [name, true]));
  const parts = { inPath: schema.pick(names), rest: schema.omit(names) };
  askedParts.set(entry, parts);
  return parts;
}

/** How a request becomes the argument: the parts of its path, and its query or body, each checked by its fields' schemas. */
function argumentOf(entry: ContractEntry): (request: FastifyRequest) => Fields {
  return ({ params, query, body, headers }) => {
    const { inPath, rest } = partsOf(entry);
    const given = entry.method === "GET" ? resumed(query, headers["last-event-id"], rest) : (body ?? {});
    return {
      ...validated(rest, given, entry.method === "GET" ? "query" : "body"),
      ...validated(inPath, params, "path"),
    };
  };
}

/** A client of a stream that comes back continues where it was, whatever it asked for at first. */
function resumed(query: unknown, lastEventId: unknown, schema: z.ZodObject): unknown {
  if (lastEventId === undefined || !("after" in schema.shape)) return query;
  if (!Number.isSafeInteger(Number(lastEventId))) return query;
  const { newest: _, ...others } = query as Fields;
  return { ...others, after: lastEventId };
}

function answerError(log: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const error = toKilnError(fromFastify(thrown, request.routeOptions.bodyLimit));
  if (error.code === "internal") log.error({ err: error, url: request.url }, "a request failed unexpectedly");
  // what such a client still sends is not read
  if ([401, 413, 429].includes(error.httpStatus)) reply.header("connection", "close");
  reply.code(error.httpStatus).send(errorToJson(error));
}

/** What Fastify finds wrong with a request before it reaches a route, in our words. */
function fromFastify(error: unknown, limitBytes = bodyLimitBytes): unknown {
  if (!(error instanceof Error) || error instanceof KilnError) return error;
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new KilnError("request_too_large", `The body has more than ${limitBytes} bytes.`, {
      cause: error,
    });
  }
  const clients = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return clients
    ? new KilnError("usage", `The request is malformed: ${error.message}`, { cause: error })
    : error;
}
