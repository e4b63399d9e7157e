import { statSync } from "node:fs";
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent, request } from "node:https";
import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import {
  type Api,
  ApiRefusal,
  type ClusterRequest,
  type HandedAccess,
  type Listed,
  type Selection,
  type ServerVersion,
  type WatchEvent,
} from "./api.ts";
import { type ClusterCredentials, CredentialSource } from "./credentials.ts";
import { type ClusterAccess, readKubeconfig } from "./kubeconfig.ts";
import { linesOf } from "./lines.ts";

export interface ApiOptions {
  /** Absolute path. It is read again whenever it has changed. */
  readonly kubeconfig: string;
  /** Absent: the current one. */
  readonly context: string | undefined;
  readonly clock: Clock;
}

const pageSize = 500;
/** A watch is ended by the server after so long; the spread keeps many from starting again together. */
const watchSeconds = { least: 240, spread: 240 };
/** How much later than that a silent connection counts as dead. */
const silentMs = 30_000;
/** A server that is overloaded is asked again so often. */
const mostTries = 5;
const longestPauseMs = 30_000;
const keepAliveMs = 30_000;
const connectMs = 15_000;
const mostConnections = 32;
/** Far more than a page of objects, or one object, has: etcd takes no object of more than 1.5 MiB. */
const longestAnswer = 64 << 20;
const longestEvent = 16 << 20;
/** A smaller difference between the clocks says nothing. */
const leastDifferenceMs = 5000;

const statusSchema = z.object({ message: z.string().default(""), reason: z.string().default("") });
const versionSchema = z.object({ major: z.string(), minor: z.string(), gitVersion: z.string() });
const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const watchedSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const failedSchema = statusSchema.extend({ code: z.int().default(500) });

interface Line {
  readonly access: ClusterAccess;
  readonly credentials: CredentialSource;
  readonly agent: Agent | PlainAgent;
  /** For answers that last. */
  readonly lasting: Agent | PlainAgent;
}

export function kubernetesApi(options: ApiOptions): Api {
  return new HttpApi(options);
}

class HttpApi implements Api {
  readonly #o: ApiOptions;
  #line: { readonly line: Line; readonly mark: string } | undefined;
  clockAheadMs = 0;

  constructor(options: ApiOptions) {
    this.#o = options;
  }

  get namespace(): string | undefined {
    return this.#open().access.namespace;
  }

  async read<T>(asked: ClusterRequest, schema: z.ZodType<T>): Promise<T | undefined> {
    const got = await this.stream(asked);
    const text = await textOf(asked, got);
    return (got.statusCode ?? 0) < 300 ? parsed(asked, text, schema) : undefined;
  }

  async stream(asked: ClusterRequest): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      const got = await this.#authenticated(asked);
      const status = got.statusCode ?? 0;
      if (status < 300 || asked.accept?.includes(status)) return got;
      const refusal = refusalOf(asked, status, await textOf(asked, got));
      const pauseMs = pauseAfter(got, tries);
      if (pauseMs === undefined) throw refusal;
      await this.#o.clock.sleep(pauseMs, asked.signal);
    }
  }

  async list<T>(selection: Selection, item: z.ZodType<T>): Promise<Listed<T>> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#pages(selection, item);
      } catch (error) {
        // Later pages are kept for some minutes only.
        if (!(error instanceof ApiRefusal) || error.status !== 410 || tries === mostTries) throw error;
      }
    }
  }

  async #pages<T>({ path, labels, signal }: Selection, item: z.ZodType<T>): Promise<Listed<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const query = { limit: String(pageSize), labelSelector: labels, continue: next };
      const page = await this.read({ path, query, signal }, pageSchema);
      if (page === undefined) throw new Error("a page is there or throws");
      for (const each of page.items ?? []) items.push(understood(path, each, item));
      next = page.metadata.continue || undefined;
      if (next === undefined) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async *watch(selection: Selection & { readonly resourceVersion: string }): AsyncGenerator<WatchEvent> {
    const { path, labels, resourceVersion, signal } = selection;
    const seconds = watchSeconds.least + Math.floor(Math.random() * watchSeconds.spread);
    const dead = AbortSignal.timeout(seconds * 1000 + silentMs);
    const query = {
      ...{ watch: "1", allowWatchBookmarks: "true", resourceVersion, labelSelector: labels },
      timeoutSeconds: String(seconds),
    };
    const until = AbortSignal.any([signal, dead]);
    const answer = await this.stream({ path, query, lasting: true, signal: until });
    for await (const line of linesOf(answer, longestEvent)) {
      if (line === "") continue;
      const { type, object } = parsed(selection, line, eventSchema);
      if (type === "ERROR") {
        const { code, reason, message } = understood(path, object, failedSchema);
        throw new ApiRefusal(selection, code, reason, message);
      }
      const { metadata } = understood(path, object, watchedSchema);
      if (isChange(type)) yield { type, object, resourceVersion: metadata.resourceVersion };
    }
  }

  async version(signal: AbortSignal): Promise<ServerVersion> {
    const found = await this.read({ path: "/version", signal }, versionSchema);
    return { minor: Number.parseInt(found?.minor ?? "0", 10), text: found?.gitVersion ?? "" };
  }

  async access(signal: AbortSignal): Promise<HandedAccess> {
    const { access, credentials } = this.#open();
    const { server, insecure, authority, serverName } = access;
    const { token, certificate, key } = await credentials.current(signal);
    return {
      ...{ server, insecure, serverName, token, authority: authority?.toString() },
      ...{ certificate: certificate?.toString(), key: key?.toString() },
    };
  }

  /** The kubeconfig's line to the server: a file that was replaced makes another one. */
  #open(): Line {
    const { kubeconfig, context, clock } = this.#o;
    const found = statSync(kubeconfig, { throwIfNoEntry: false });
    const mark = found === undefined ? "" : `${found.mtimeMs} ${found.size} ${found.ino}`;
    if (this.#line?.mark === mark) return this.#line.line;
    const access = readKubeconfig(kubeconfig, context);
    const Kind = access.server.startsWith("https:") ? Agent : PlainAgent;
    const line = {
      access,
      credentials: new CredentialSource(access.user, clock),
      agent: new Kind({ keepAlive: true, maxSockets: mostConnections }),
      lasting: new Kind(),
    };
    this.#line?.line.agent.destroy();
    this.#line?.line.lasting.destroy();
    this.#line = { line, mark };
    return line;
  }

  async #authenticated(asked: ClusterRequest): Promise<IncomingMessage> {
    const line = this.#open();
    const credentials = await line.credentials.current(asked.signal);
    const first = await this.#send(line, asked, credentials);
    if (first.statusCode !== 401 || !line.credentials.refused(credentials)) return first;
    first.resume();
    return this.#send(line, asked, await line.credentials.current(asked.signal));
  }

  async #send(line: Line, asked: ClusterRequest, credentials: ClusterCredentials): Promise<IncomingMessage> {
    const { access } = line;
    const { method = "GET", path, query = {}, body, contentType = "application/json", signal } = asked;
    const content = body && JSON.stringify(body);
    const url = new URL(`${access.server}${path}`);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, value);
    const { authority, insecure, serverName } = access;
    const options = {
      ...{
        method,
        agent: asked.lasting ? line.lasting : line.agent,
        signal,
        rejectUnauthorized: !insecure,
        cert: credentials.certificate,
        key: credentials.key,
      },
      ...(authority === undefined ? {} : { ca: authority }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      headers: {
        ...{ accept: "application/json", "user-agent": "kiln" },
        // Node.js states no length for a DELETE by itself.
        ...(content === undefined
          ? {}
          : { "content-type": contentType, "content-length": Buffer.byteLength(content) }),
        ...(credentials.token === undefined ? {} : { authorization: `Bearer ${credentials.token}` }),
      },
    };
    const sentMs = this.#o.clock.now();
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = url.protocol === "https:" ? request(url, options) : plainRequest(url, options);
      sent.on("socket", (socket) => {
        socket.setKeepAlive(true, keepAliveMs);
        if (!socket.connecting) return;
        const tooLate = new Error("the connection was not made in time");
        const late = setTimeout(() => sent.destroy(tooLate), connectMs);
        const made = () => clearTimeout(late);
        socket.once(url.protocol === "https:" ? "secureConnect" : "connect", made);
        sent.on("close", made);
      });
      sent.on("response", resolve);
      sent.on("error", (error) => reject(signal.aborted ? signal.reason : unreachable(access.server, error)));
      sent.end(content);
    });
    this.#compareClocks(answer, sentMs);
    return answer;
  }

  /** RFC 9110, section 6.6.1: whole seconds, so that only larger differences mean something. */
  #compareClocks({ headers }: IncomingMessage, sentMs: number): void {
    const theirs = Date.parse(headers.date ?? "");
    if (Number.isNaN(theirs)) return;
    // The server has set it at some moment since the request was sent: a slow answer leaves room, and what is known stays where it fits.
    const ahead = Math.min(Math.max(this.clockAheadMs, theirs - this.#o.clock.now()), theirs - sentMs);
    this.clockAheadMs = Math.abs(ahead) < leastDifferenceMs ? 0 : ahead;
  }
}

function isChange(type: string): type is WatchEvent["type"] {
  return ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"].includes(type);
}

/** How long to wait before the same request is sent again; undefined: it is not. */
function pauseAfter({ statusCode, headers }: IncomingMessage, tries: number): number | undefined {
  const asked = Number(headers["retry-after"]) * 1000;
  const may = statusCode === 429 || (statusCode === 503 && !Number.isNaN(asked));
  if (!may || tries >= mostTries) return undefined;
  return Math.min(longestPauseMs, Number.isNaN(asked) ? 500 * 2 ** tries : asked);
}

async function textOf({ path }: ClusterRequest, answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) {
    text += chunk;
    if (text.length > longestAnswer) throw misunderstood(path, new Error("It is too long."));
  }
  return text;
}

function parsed<T>(asked: Pick<ClusterRequest, "method" | "path">, text: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw misunderstood(asked.path, cause);
  }
  return understood(asked.path, value, schema);
}

function understood<T>(path: string, value: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw misunderstood(path, result.error);
}

function misunderstood(path: string, cause: unknown): KilnError {
  return new KilnError(
    "server_failed",
    `The answer of the cluster to ${path} is not what its API describes.`,
    {
      hint: "Check that the `server` of the kubeconfig is an API server of Kubernetes.",
      ...{ cause, retry: true },
    },
  );
}

function refusalOf(asked: ClusterRequest, status: number, text: string): ApiRefusal {
  try {
    const { reason, message } = statusSchema.parse(JSON.parse(text));
    return new ApiRefusal(asked, status, reason, message);
  } catch {
    return new ApiRefusal(asked, status, "", text.trim().slice(0, 500) || `status ${status}`);
  }
}

function unreachable(server: string, cause: Error): KilnError {
  return new KilnError("target_unreachable", `No API server answers at ${server}: ${cause.message}.`, {
    hint: "Check the `server` of the kubeconfig and the network between it and the controller.",
    ...{ cause, retry: true },
  });
}
