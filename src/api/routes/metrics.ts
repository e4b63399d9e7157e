import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { isLoopback, type LoopbackAddress } from "../../lib/loopback.ts";
import { contentType } from "../../lib/prometheus.ts";

export const metricsPath = "/metrics";

/** What the API counts and shows: each answer, and everything that is counted, as Prometheus reads it. */
export interface Metering {
  answer(answered: { readonly method: string; readonly route: string; readonly code: number }): void;
  scrape(): Promise<string>;
}

/** Any user of this machine can connect: what they can hold is little, and not for long. Times are in ms. */
const mostConnections = 16;
const limits = {
  ...{ headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000 },
  connectionsCheckingInterval: 1000,
};
const silenceMs = 30_000;

/**
 * Serves `GET /metrics` there, and nothing else. A page that a browser on this machine shows may name that address as its
 * own host (DNS rebinding), so requests for other hosts are refused. Rejects when the address cannot be listened on.
 */
export async function listenForMetrics(
  { host, port }: LoopbackAddress,
  scrape: Metering["scrape"],
  log: Logger,
): Promise<Server> {
  const shared = sharing(scrape);
  const server = createServer(limits, (request, response) => {
    answer(request, response, shared).catch((error: unknown) => {
      log.error({ err: toKilnError(error) }, "a scrape failed");
      send(response, 500, "The metrics could not be collected. The controller's log says why.\n");
    });
  }).setTimeout(silenceMs);
  server.maxConnections = mostConnections;
  await once(server.listen({ host, port }), "listening");
  server.on("error", (error) => log.error({ err: toKilnError(error) }, "a connection for metrics failed"));
  return server;
}

/** One scrape at a time: who asks while it runs gets the same answer. */
function sharing(scrape: Metering["scrape"]): Metering["scrape"] {
  let running: Promise<string> | undefined;
  return () => {
    running ??= scrape().finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function answer(
  { method, url = "", headers: { host = "" } }: IncomingMessage,
  response: ServerResponse,
  scrape: Metering["scrape"],
): Promise<void> {
  if (!isLoopback(host.replace(/:\d+$/, "")))
    return send(response, 403, "This address answers only under its own name.\n");
  if (url.replace(/\?.*$/, "") !== metricsPath) return send(response, 404, `Only ${metricsPath} is here.\n`);
  if (method !== "GET") return send(response, 405, "Metrics can only be read.\n");
  send(response, 200, await scrape(), contentType);
}

function send(response: ServerResponse, code: number, text: string, type = "text/plain"): void {
  response.writeHead(code, { "content-type": type, "x-content-type-options": "nosniff" }).end(text);
}
