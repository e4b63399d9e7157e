import type { IncomingMessage } from "node:http";
import { begunAnswer } from "../../lib/net/begun-answer.ts";
import { type ContractEntry, requestOf, statedHeader, table } from "../contract/contract.ts";
import type { Client } from "../contract/types.ts";
import { type Endpoint, wayTo } from "./endpoint.ts";
import { connectionError, toError } from "./errors.ts";
import { itemsOf } from "./stream.ts";

export type { Endpoint };

/** Longer than the slowest answer, which takes two minutes; streams have a beat. */
const usualSilenceMs = 180_000;

/** Where the controller listens, and who says to ask. */
interface Line {
  /** Asked before each request. */
  readonly endpoint: () => Endpoint | Promise<Endpoint>;
  /** How long nothing may come over the network before the other end counts as gone. */
  readonly silenceMs: number;
  readonly stated: string | undefined;
}

interface Ask {
  readonly entry: ContractEntry;
  readonly asked: Readonly<Record<string, unknown>> | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Operations that ask the controller at this Unix socket or over the network. It throws the controller's errors; besides, every call may throw
 * `controller_unreachable`, and `not_root` when the socket belongs to another user. Nothing connects before the first
 * call. Undefined values are absent from an answer. `stated`: who runs this, `user@machine`; the controller records it
 * next to what it sees of this process. A function is asked for the endpoint before each request: its token may change.
 */
export function createClient(
  at: string | Endpoint | (() => Promise<Endpoint>),
  how: Partial<Omit<Line, "endpoint">> = {},
): Client {
  const { stated, silenceMs = usualSilenceMs } = how;
  const one = typeof at === "string" ? { socketPath: at } : at;
  const line = { endpoint: typeof one === "function" ? one : () => one, stated, silenceMs };
  const operations = Object.entries<ContractEntry>(table).map(([name, entry]) => {
    const call = entry.items === undefined ? askJson : askStream;
    return [
      name,
      (asked: Ask["asked"], how?: { readonly signal?: AbortSignal }) =>
        call(line, { entry, asked, signal: how?.signal }),
    ];
  });
  return Object.fromEntries(operations) as Client;
}

/** Undefined for an answer without content. */
async function askJson(line: Line, what: Ask): Promise<unknown> {
  const endpoint = await line.endpoint();
  const answer = await send(endpoint, line, what);
  const text = await textOf(answer, endpoint);
  const value = parsed(text);
  const understood = value !== undefined || text === "";
  if (!succeeded(answer) || !understood) throw toError(value, answer.statusCode);
  return value;
}

/** Ends quietly when the signal fires. */
async function* askStream(line: Line, what: Ask): AsyncGenerator<unknown> {
  try {
    const endpoint = await line.endpoint();
    const answer = await send(endpoint, line, what);
    if (!succeeded(answer)) throw toError(parsed(await textOf(answer, endpoint)), answer.statusCode);
    yield* itemsOf(answer);
  } catch (error) {
    if (!what.signal?.aborted) throw error;
  }
}

/** A request in the words of HTTP. */
export interface PlainRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** JSON. */
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks for a path as it is given; the answer's bytes as they come. Throws as an operation does. */
export async function* askPlainly(
  endpoint: Endpoint,
  { stated, ...request }: PlainRequest & Pick<Line, "stated">,
): AsyncGenerator<Uint8Array> {
  const answer = await exchange(endpoint, { stated, silenceMs: usualSilenceMs }, request);
  if (!succeeded(answer)) throw toError(parsed(await textOf(answer, endpoint)), answer.statusCode);
  yield* answer;
}

function send(endpoint: Endpoint, line: Line, { entry, asked, signal }: Ask): Promise<IncomingMessage> {
  return exchange(endpoint, line, { method: entry.method, ...requestOf(entry, asked), signal });
}

function exchange(
  endpoint: Endpoint,
  { stated, silenceMs }: Omit<Line, "endpoint">,
  { method, path, body, signal }: PlainRequest,
): Promise<IncomingMessage> {
  const { request, options, headers } = wayTo(endpoint);
  return new Promise((resolve, reject) => {
    const call = request({
      ...options,
      ...{ method, path },
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(stated === undefined ? {} : { [statedHeader]: encodeURIComponent(stated) }),
      },
      agent: false, // a kept connection may be closed by the other side just when it is used again
      ...(signal ? { signal } : {}),
    });
    begunAnswer(call).then(resolve, (error) => reject(connectionError(error, endpoint)));
    if (!("socketPath" in endpoint)) call.setTimeout(silenceMs, () => call.destroy(silence(silenceMs)));
    call.end(body);
  });
}

/** A machine that sleeps or loses its network does not learn when a connection is gone. */
function silence(ms: number): Error {
  return Object.assign(new Error(`nothing came for ${ms / 1000} s`), { code: "ETIMEDOUT" });
}

async function textOf(answer: IncomingMessage, endpoint: Endpoint): Promise<string> {
  try {
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += chunk;
    return text;
  } catch (error) {
    throw connectionError(error, endpoint);
  }
}

function succeeded({ statusCode = 500 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Undefined for text that is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
