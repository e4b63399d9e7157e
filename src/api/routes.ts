import type { IncomingMessage, ServerResponse } from "node:http";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { errorToJson, KilnError, toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { contentType } from "../lib/prometheus.ts";
import { type ContractEntry, openApiPath, pathFields, statedHeader, table } from "./contract.ts";
import { asks } from "./contract-asks.ts";
import { openApi } from "./contract-openapi.ts";
import type { Operations } from "./contract-types.ts";
import { actorOf } from "./routes-actor.ts";
import { type Metering, metricsPath } from "./routes-metrics.ts";
import { OpenStreams } from "./routes-stream.ts";
import { sendTagged } from "./routes-tagged.ts";
import { validated } from "./routes-validate.ts";

/** A deploy's configuration files, 1 MiB as base64, are the most that is asked of a controller. */
const bodyLimitBytes = 2 * 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** An operation as its route sees it. */
type Operation = (asked: Fields, who: { readonly actor?: Actor; readonly signal?: AbortSignal }) => unknown;

/**
 * The controller's HTTP API over these operations, not listening yet: the caller gives it a Unix socket and sees to
 * who may open that. Every request is checked against the contract; every error is an ErrorJson with its code's status.
 */
export function createApi(operations: Operations, log: Logger, others: Others = {}): FastifyInstance {
  const answerFault = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    answerError(log, error, request, reply);
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    frameworkErrors: answerFault,
    routerOptions: { maxParamLength: 200 },
  });
  const streams = new OpenStreams();
  app.get(openApiPath, async () => openApi((await operations.info({}, {})).version));
  for (const [name, entry] of Object.entries(table)) {
    addRoute(app, entry, operations[name as keyof Operations] as Operation, streams);
  }
  if (others.exchange) addExchange(app, others.exchange);
  if (others.metering) addMetering(app, others.metering);
  app.setErrorHandler(answerFault);
  app.setNotFoundHandler((request) => {
    throw new KilnError("route_unknown", `The API has no route ${request.method} ${request.url}.`, {
      hint: "GET /v1/openapi.json lists all routes. The client and the controller may be of different versions.",
    });
  });
  app.addHook("preClose", async () => streams.endAll());
  return app;
}

/** What the API has besides the table of operations. */
interface Others {
  /** Answers below `/v2/`, where images are exchanged in a protocol of their own. */
  readonly exchange?: Exchange;
  readonly metering?: Metering;
}

/** Answers everything below `/v2/` itself; `actor` finds out who asks. */
type Exchange = (
  request: IncomingMessage,
  response: ServerResponse,
  actor: () => Promise<Actor>,
) => Promise<void>;

/** Bodies may be larger than memory: they are left to the exchange, unread. */
function addExchange(app: FastifyInstance, exchange: Exchange): void {
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, done) => done(null));
    scope.route({
      method: ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"],
      url: "/v2/*",
      handler: async (request, reply) => {
        reply.hijack();
        await exchange(request.raw, reply.raw, async () => (await whoOf(request)).actor);
      },
    });
  });
}

function addMetering(app: FastifyInstance, metering: Metering): void {
  app.addHook("onResponse", async ({ method, routeOptions: { url = "unknown" } }, { statusCode }) =>
    metering.answer({ method, route: url, code: statusCode }),
  );
  app.get(metricsPath, async (_request, reply) => reply.type(contentType).send(await metering.scrape()));
}

function addRoute(
  app: FastifyInstance,
  entry: ContractEntry,
  operation: Operation,
  streams: OpenStreams,
): void {
  const argument = argumentOf(entry);
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const asked = argument(request);
    if (entry.items !== undefined) {
      const open = (signal: AbortSignal) => operation(asked, { signal }) as AsyncIterable<object>;
      return streams.send(reply, open);
    }
    const result = await operation(asked, entry.method === "GET" ? {} : await whoOf(request));
    if (entry.answers === undefined) return reply.code(204).send();
    return entry.method === "GET" ? sendTagged(request, reply, result) : reply.send(result);
  };
  app.route({ method: entry.method, url: entry.path, handler });
}

async function whoOf(request: FastifyRequest): Promise<{ readonly actor: Actor }> {
  return { actor: await actorOf(request.raw.socket, request.headers[statedHeader]) };
}

/** How a request becomes the argument: the parts of its path, and its query or body, each checked by its fields' schemas. */
function argumentOf(entry: ContractEntry): (request: FastifyRequest) => Fields {
  const schema: z.ZodObject = asks[entry.asks];
  const names: Record<string, true> = Object.fromEntries(pathFields(entry).map((name) => [name, true]));
  const [inPath, rest] = [schema.pick(names), schema.omit(names)];
  return ({ params, query, body, headers }) => {
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
  const error = toKilnError(fromFastify(thrown));
  if (error.code === "internal") log.error({ err: error, url: request.url }, "a request failed unexpectedly");
  reply.code(error.httpStatus).send(errorToJson(error));
}

/** What Fastify finds wrong with a request before it reaches a route, in our words. */
function fromFastify(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof KilnError) return error;
  const { code, statusCode } = error as { readonly code?: string; readonly statusCode?: number };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return new KilnError("request_too_large", `The body has more than ${bodyLimitBytes} bytes.`, {
      cause: error,
    });
  }
  const clients = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  return clients
    ? new KilnError("usage", `The request is malformed: ${error.message}`, { cause: error })
    : error;
}
