import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { isLoopback, type LoopbackAddress } from "../lib/loopback.ts";
import { contentType } from "../lib/prometheus.ts";

export const metricsPath = "/metrics";

/** What the API counts and shows: each answer, and everything that is counted, as Prometheus reads it. */
export interface Metering {
  answer(answered: { readonly method: string; readonly route: string; readonly code: number }): void;
  scrape(): Promise<string>;
}

/**
 * Serves `GET /metrics` there, and nothing else. A page that a browser on this machine shows may name that address as its
 * own host (DNS rebinding), so requests for other hosts are refused. Rejects when the address cannot be listened on.
 */
export async function listenForMetrics(
  { host, port }: LoopbackAddress,
  scrape: Metering["scrape"],
  log: Logger,
): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, scrape).catch((error: unknown) => {
      log.error({ err: toKilnError(error) }, "a scrape failed");
      send(response, 500, "The metrics could not be collected. The controller's log says why.\n");
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen({ host, port }, resolve);
  await promise;
  return server;
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
