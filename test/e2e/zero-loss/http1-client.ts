import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ask } from "./ask.ts";

interface Http1Options {
  readonly port: number;
  readonly keepAlive?: boolean;
  readonly tls?: boolean;
  readonly path?: string;
  /** Bytes that are sent, with POST. */
  readonly body?: number;
  /** Sent bit by bit. */
  readonly slowly?: boolean;
  /** Bytes that must come back. Otherwise the answer must name how many bytes the server got. */
  readonly size?: number;
}

const uploadParts = 15;
const uploadPauseMs = 100;

/** HTTP/1.1, each client with at most one connection. Nothing is asked twice, also not on a connection that was idle. */
export function http1({
  port,
  keepAlive = false,
  tls,
  path = "/",
  body = 0,
  slowly,
  size,
}: Http1Options): Ask {
  const agent = tls ? new TlsAgent({ keepAlive, maxSockets: 1 }) : new Agent({ keepAlive, maxSockets: 1 });
  const headers = slowly ? { "content-length": body } : {};
  const method = body > 0 ? "POST" : "GET";
  return async (signal) => {
    const options = { port, agent, path, method, headers, signal };
    const asked = tls ? tlsRequest({ ...options, rejectUnauthorized: false }) : request(options);
    const answered = answerTo(asked);
    await Promise.all([answered, slowly ? sendSlowly(asked, body) : asked.end("x".repeat(body))]);
    const { status, text } = await answered;
    if (status !== 200) throw new Error(`status ${status}`);
    const isWhole = size === undefined ? text.endsWith(`"bytes":${body}}`) : text.length === size;
    if (!isWhole) throw new Error(`an answer of ${text.length} bytes: ${text.slice(0, 50)}`);
    return 1;
  };
}

function answerTo(asked: ClientRequest): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    asked.once("error", reject);
    asked.once("response", (response: IncomingMessage) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
  });
}

async function sendSlowly(asked: ClientRequest, bytes: number): Promise<void> {
  for (let part = 0; part < uploadParts; part++) {
    asked.write("x".repeat(bytes / uploadParts));
    await sleep(uploadPauseMs);
  }
  asked.end();
}
