import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { z } from "zod";
import type { Operations } from "../controller/operations.ts";
import { errorToJson, KilnError, toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { contract, type Route } from "./contract.ts";
import { openApi } from "./contract-openapi.ts";
import { type StreamOptions, Streams } from "./routes-stream.ts";
import { validated } from "./routes-validate.ts";

/** A deploy's configuration files, 1 MiB as base64, are the most that is asked of a controller. */
const bodyLimitBytes = 2 * 1024 * 1024;

type Values<Schema> = Schema extends z.ZodType ? z.output<Schema> : Record<never, never>;

/** A request as its route's schemas have made it. */
interface Asked<R extends Route> {
  readonly params: Values<R["params"]>;
  readonly query: Values<R["query"]>;
  readonly body: Values<R["body"]>;
  readonly lastEventId: number | undefined;
}

type Answers = {
  readonly [Name in keyof typeof contract]: (asked: Asked<(typeof contract)[Name]>) => unknown;
};

/** What a handler returns for a route that streams. */
class Stream<Item> {
  readonly options: StreamOptions<Item>;
  constructor(options: StreamOptions<Item>) {
    this.options = options;
  }
}

/**
 * The controller's HTTP API over these operations, not listening yet: the caller gives it a Unix socket and sees to
 * who may open that. Every request is checked against the contract; every error is an ErrorJson with its code's status.
 */
export function createApi(operations: Operations, log: Logger): FastifyInstance {
  const answerFault = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    answerError(log, error, request, reply);
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    frameworkErrors: answerFault,
    routerOptions: { maxParamLength: 200 },
  });
  const streams = new Streams();
  const answers = answersOf(operations);
  for (const name of Object.keys(contract) as (keyof typeof contract)[]) {
    addRoute(app, contract[name], answers[name] as (asked: Asked<Route>) => unknown, streams);
  }
  app.setErrorHandler(answerFault);
  app.setNotFoundHandler((request) => {
    throw new KilnError("route_unknown", `There is nothing at ${request.method} ${request.url}.`, {
      hint: "GET /v1/openapi.json lists what there is. The client and the controller may be of different versions.",
    });
  });
  app.addHook("preClose", async () => streams.endAll());
  return app;
}

/** The whole translation from routes to operations. */
function answersOf(operations: Operations): Answers {
  return {
    openapi: async () => openApi((await operations.info()).version),
    info: () => operations.info(),
    shutdown: () => operations.shutdown(),
    statusAll: () => operations.status(),
    status: async ({ params }) => (await operations.status(params.service))[0],
    history: ({ params }) => operations.history(params.service),
    check: ({ params, body }) => operations.check({ ...params, ...body }),
    deploy: ({ params, body }) => operations.deploy({ ...params, ...body }),
    preview: ({ params, body }) => operations.preview({ ...params, ...body }),
    rollback: ({ params, body }) => operations.rollback(params.service, body.release, body.by),
    scale: ({ params, body }) => operations.scale(params.service, body.count, body.by),
    abort: ({ params, body }) => operations.abort(params.service, body.by),
    pause: ({ params, body }) => operations.pause(params.service, body.by),
    resume: ({ params, body }) => operations.resume(params.service, body.by),
    promote: ({ params, body }) => operations.promote(params.service, body.by),
    remove: ({ params, body }) => operations.remove(params.service, body.by),
    secrets: ({ query }) => operations.secrets(query.service),
    setSecret: ({ params, body }) => operations.setSecret(params.service, params.name, body.value, body.by),
    removeSecret: ({ params, body }) => operations.removeSecret(params.service, params.name, body.by),
    rollout: ({ params }) => operations.rollout(params.id),
    imagesInUse: async () => Object.fromEntries(await operations.imagesInUse()),
    events: ({ query: { follow, ...query }, lastEventId }) =>
      new Stream({
        open: (signal) =>
          operations.events({ ...resumed(query, lastEventId), ...(follow ? { signal } : {}) }),
        idOf: (event) => event.sequence,
      }),
    audit: () => operations.audit(),
    checkpoint: () => operations.checkpoint(),
    acceptBreaks: ({ body }) => operations.acceptBreaks(body),
    rotateAuditKey: ({ body }) => operations.rotateAuditKey(body.by),
    drift: ({ query }) => operations.drift(query),
    evidence: () => operations.evidence(),
    evidenceOf: ({ params }) => operations.evidenceOf(params.server),
    exportEvidence: ({ params }) =>
      new Stream({ open: (signal) => operations.exportEvidence(params.server, signal) }),
    destroyServer: ({ params, body }) => operations.destroyServer(params.server, body.by),
    reproduce: ({ params, body }) => operations.reproduce(params.server, body.by),
    exec: ({ params, body }) => operations.exec({ ...params, ...body }),
    endExec: ({ params, body }) => operations.endExec(params.session, body.exitCode),
    logs: ({ params, query }) =>
      new Stream({ open: (signal) => operations.logs(params.server, query, signal) }),
  };
}

/** A client that comes back goes on where it was, whatever it asked for at first. */
function resumed<Query extends { readonly newest?: number }>(
  query: Query,
  lastEventId: number | undefined,
): Omit<Query, "newest"> & { readonly newest?: number; readonly after?: number } {
  if (lastEventId === undefined) return query;
  const { newest: _, ...rest } = query;
  return { ...rest, after: lastEventId };
}

function addRoute(
  app: FastifyInstance,
  route: Route,
  answer: (asked: Asked<Route>) => unknown,
  streams: Streams,
): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const result = await answer(askedOf(route, request));
    if (result instanceof Stream) return streams.send(reply, result.options);
    if (route.answer === undefined) return reply.code(204).send();
    return reply.send(result);
  };
  app.route({ method: route.method, url: route.path, handler });
}

function askedOf(route: Route, request: FastifyRequest): Asked<Route> {
  const lastEventId = Number(request.headers["last-event-id"] ?? Number.NaN);
  return {
    params: route.params ? validated(route.params, request.params, "path") : {},
    query: route.query ? validated(route.query, request.query, "query") : {},
    body: route.body ? validated(route.body, request.body, "body") : {},
    lastEventId: Number.isSafeInteger(lastEventId) ? lastEventId : undefined,
  };
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
