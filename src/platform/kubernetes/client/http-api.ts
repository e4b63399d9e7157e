import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { Clock } from "../../../lib/time/clock.ts";
import { mostTries, parsed, pauseAfter, refusalOf, statusSchema, textOf, understood } from "./answers.ts";
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
import { type ApiOptions, Connection } from "./connection.ts";
import { linesOf } from "./lines.ts";

const pageSize = 500;
/** A watch is ended by the server after so long; the spread keeps many from starting again together. */
const watchSeconds = { least: 240, spread: 240 };
/** How much later than that a silent connection counts as dead. */
const silentMs = 30_000;
const longestEvent = 16 << 20;

const versionSchema = z.object({ major: z.string(), minor: z.string(), gitVersion: z.string() });
const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});
const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const watchedSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const failedSchema = statusSchema.extend({ code: z.int().default(500) });

/** The API of a cluster over HTTP. */
export function kubernetesApi(options: ApiOptions): Api {
  return new HttpApi(options);
}

class HttpApi implements Api {
  readonly #clock: Clock;
  readonly #connection: Connection;

  constructor(options: ApiOptions) {
    this.#clock = options.clock;
    this.#connection = new Connection(options);
  }

  get clockAheadMs(): number {
    return this.#connection.clockAheadMs;
  }

  get namespace(): string | undefined {
    return this.#connection.open().access.namespace;
  }

  async read<T>(asked: ClusterRequest, schema: z.ZodType<T>): Promise<T | undefined> {
    const got = await this.stream(asked);
    const text = await textOf(asked, got);
    return (got.statusCode ?? 0) < 300 ? parsed(asked, text, schema) : undefined;
  }

  async stream(asked: ClusterRequest): Promise<IncomingMessage> {
    for (let tries = 1; ; tries++) {
      const got = await this.#connection.ask(asked);
      const status = got.statusCode ?? 0;
      if (status < 300 || asked.accept?.includes(status)) return got;
      const refusal = refusalOf(asked, status, await textOf(asked, got));
      const pauseMs = pauseAfter(got, tries);
      if (pauseMs === undefined) throw refusal;
      await this.#clock.sleep(pauseMs, asked.signal);
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
    const { access, credentials } = this.#connection.open();
    const { server, insecure, authority, serverName } = access;
    const { token, certificate, key } = await credentials.current(signal);
    return {
      ...{ server, insecure, serverName, token, authority: authority?.toString() },
      ...{ certificate: certificate?.toString(), key: key?.toString() },
    };
  }
}

function isChange(type: string): type is WatchEvent["type"] {
  return ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"].includes(type);
}
