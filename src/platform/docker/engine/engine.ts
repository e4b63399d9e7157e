import { Agent, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { pipeline, Readable } from "node:stream";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";

/** The newest version of the Engine API that this was written for; an older engine is spoken to in its own. */
const newestVersion = "1.47";

export interface EngineRequest {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Without a version: `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** Sent as it is, in place of `body`. */
  readonly archive?: AsyncIterable<Uint8Array>;
  /** Statuses of 300 and above that do not count as failures. */
  readonly accept?: readonly number[];
  /** The connection is to become that of a command: Engine API, "Hijacking". */
  readonly hijack?: boolean;
  readonly signal: AbortSignal;
}

/**
 * A Docker engine, spoken to over its Unix socket. Everything here throws `target_unreachable` when no engine answers there,
 * and `EngineRefusal` with the engine's own words when it refuses.
 */
export interface Engine {
  /** Sends, and waits for the end of the answer. Resolves to its status. */
  send(asked: EngineRequest): Promise<number>;
  /** Undefined for a status that was accepted without being a success. */
  read<T>(asked: EngineRequest, schema: z.ZodType<T>): Promise<T | undefined>;
  /** The answer as it comes. */
  stream(asked: EngineRequest): Promise<IncomingMessage>;
  /** The connection itself, once the engine has handed it to the command: what is written is its input. */
  hijack(asked: EngineRequest): Promise<Socket>;
  /** `1.41`: what both sides understand. */
  version(signal: AbortSignal): Promise<string>;
}

/** The engine's answer to what it cannot or will not do. */
export class EngineRefusal extends KilnError {
  readonly status: number;
  /** The engine's own words. */
  readonly words: string;

  constructor({ method = "GET", path }: EngineRequest, status: number, words: string) {
    super("server_failed", `Docker refused ${method} ${path}: ${words}`, { retry: status >= 500 });
    this.status = status;
    this.words = words;
  }
}

const refusalSchema = z.object({ message: z.string() });

export function dockerEngine(socket: string): Engine {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let version: Promise<string> | undefined;

  /** An engine that was replaced may speak another version: the next call asks again. */
  function versionOnce(signal: AbortSignal): Promise<string> {
    version ??= ping(signal).catch((error: unknown) => {
      version = undefined;
      throw error;
    });
    return version;
  }

  async function ping(signal: AbortSignal): Promise<string> {
    const answer = await ask({ path: "/_ping", signal }, "", agent);
    await textOf(answer);
    return older(newestVersion, String(answer.headers["api-version"] ?? newestVersion));
  }

  function ask(asked: EngineRequest, prefix: string, through: Agent | undefined): Promise<IncomingMessage> {
    const { method = "GET", path, query = {}, body, archive, hijack, signal } = asked;
    const search = new URLSearchParams(query).toString();
    const type = archive ? "application/x-tar" : "application/json";
    return new Promise((resolve, reject) => {
      const sent = request({
        ...{ socketPath: socket, method, agent: through, signal },
        path: `${prefix}${path}${search === "" ? "" : `?${search}`}`,
        headers: {
          ...(body || archive ? { "content-type": type } : {}),
          ...(hijack ? { connection: "Upgrade", upgrade: "tcp" } : {}),
        },
      });
      sent.on("response", resolve);
      sent.on("upgrade", (answer, socket, first) => {
        socket.unshift(first);
        resolve(answer);
      });
      sent.on("error", (error) => {
        version = undefined;
        reject(signal.aborted ? signal.reason : unreachable(socket, error));
      });
      // An error of either side ends both; `sent` tells it.
      if (archive) pipeline(Readable.from(archive), sent, () => {});
      else sent.end(body && JSON.stringify(body));
    });
  }

  async function answer(asked: EngineRequest, through: Agent | undefined = agent): Promise<IncomingMessage> {
    const prefix = `/v${await versionOnce(asked.signal)}`;
    const got = await ask(asked, prefix, through);
    const status = got.statusCode ?? 0;
    if (status < 300 || asked.accept?.includes(status)) return got;
    throw new EngineRefusal(asked, status, wordsOf(await textOf(got)));
  }

  return {
    version: versionOnce,
    async send(asked) {
      const got = await answer(asked);
      await textOf(got);
      return got.statusCode ?? 0;
    },
    async read(asked, schema) {
      const got = await answer(asked);
      const text = await textOf(got);
      return (got.statusCode ?? 0) < 300 ? parsed(asked, text, schema) : undefined;
    },
    // A connection of its own: one that stays open must not take a place among those for short questions.
    stream: (asked) => answer(asked, new Agent()),
    async hijack(asked) {
      const got = await answer({ ...asked, hijack: true }, new Agent());
      if (got.statusCode === 101) return got.socket;
      got.destroy();
      throw new EngineRefusal(asked, got.statusCode ?? 0, "it did not hand over the connection");
    },
  };
}

async function textOf(answer: IncomingMessage): Promise<string> {
  return (await answer.setEncoding("utf8").toArray()).join("");
}

function parsed<T>({ method = "GET", path }: EngineRequest, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError(
      "server_failed",
      `Docker's answer to ${method} ${path} is not what its API describes.`,
      {
        hint: "Check that a Docker engine, and nothing else, listens on the socket.",
        cause,
      },
    );
  }
}

function wordsOf(text: string): string {
  try {
    return refusalSchema.parse(JSON.parse(text)).message;
  } catch {
    return text.trim();
  }
}

function older(a: string, b: string): string {
  const [[a1 = 0, a2 = 0], [b1 = 0, b2 = 0]] = [a.split(".").map(Number), b.split(".").map(Number)];
  return a1 < b1 || (a1 === b1 && a2 <= b2) ? a : b;
}

function unreachable(socket: string, cause: Error): KilnError {
  const denied = isErrno(cause, "EACCES");
  const what = denied ? "You may not use the Docker engine" : "No Docker engine answers";
  const hint = denied
    ? "Run the controller as root, or as a member of the group that owns the socket."
    : "Start it (`systemctl start docker`), or correct the target's option `socket`.";
  return new KilnError("target_unreachable", `${what} at ${socket}.`, { hint, cause, retry: true });
}
