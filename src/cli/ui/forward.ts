import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Endpoint, wayTo } from "../../api/client/endpoint.ts";
import { connectionError } from "../../api/client/errors.ts";
import { statedHeader } from "../../api/contract/contract.ts";
import { errorToJson, toKilnError } from "../../lib/errors.ts";
import { headers } from "./answers.ts";

/** Where the controller listens, and who runs this. */
export interface Forwarded {
  readonly endpoint: Endpoint;
  readonly stated: string;
}

const sent = ["accept", "content-length", "content-type", "if-none-match", "last-event-id"] as const;
const received = ["cache-control", "content-type", "etag"] as const;

/** Asks the controller in the caller's place, over its socket or the network; ends with the caller. */
export function forward(incoming: IncomingMessage, response: ServerResponse, upstream: Forwarded): void {
  const { request, options, headers: proof } = wayTo(upstream.endpoint);
  const call = request({
    ...{ ...options, method: incoming.method, path: incoming.url, agent: false },
    headers: { ...picked(incoming, sent), ...proof, [statedHeader]: encodeURIComponent(upstream.stated) },
  });
  response.once("close", () => call.destroy());
  call.once("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, { ...headers, ...picked(answer, received) });
    response.flushHeaders();
    pipeline(answer, response).catch(() => response.destroy());
  });
  call.once("error", (error) => {
    if (response.headersSent) return void response.destroy();
    const fault = toKilnError(connectionError(error, upstream.endpoint));
    response.writeHead(fault.httpStatus, { ...headers, "content-type": "application/json" });
    response.end(JSON.stringify(errorToJson(fault)));
  });
  incoming.pipe(call);
}

function picked(message: IncomingMessage, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = message.headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}
