import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { silentLog } from "../lib/log.ts";
import { createClient } from "./client/client.ts";
import { answered } from "./contract/testing.ts";
import type { Client, Operations } from "./contract/types.ts";
import { createApi } from "./routes/routes.ts";

export const stated = "ada@example.com";

/** What the fake operations answer, and what they were asked: one entry for each call, its name first. */
export interface FakeOperations {
  readonly operations: Operations;
  readonly calls: readonly (readonly unknown[])[];
}

/** Operations that answer with full values, except where others are given. */
export function fakeOperations(overrides: Partial<Operations> = {}): FakeOperations {
  const calls: unknown[][] = [];
  const plain = { ...answered, ...overrides };
  const operations = Object.fromEntries(
    Object.entries(plain).map(([name, answer]) => [
      name,
      (...args: unknown[]) => {
        calls.push([name, ...args]);
        return (answer as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  ) as unknown as Operations;
  return { operations, calls };
}

export async function allOf<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export interface TestApi extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly socketPath: string;
  readonly client: Client;
}

/** The API listening on a Unix socket in a folder of its own. */
export async function anApi(operations: Operations): Promise<TestApi> {
  const folder = mkdtempSync("/tmp/kiln-api-");
  const socketPath = join(folder, "s");
  const app = createApi(operations, silentLog);
  await app.listen({ path: socketPath });
  return {
    app,
    socketPath,
    client: createClient(socketPath, { stated }),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly type: string | undefined;
  /** Its `etag`. */
  readonly tag: string | undefined;
  readonly text: string;
}

/** A request as any program could send it, without the client. */
export function rawRequest(
  { socketPath }: Pick<TestApi, "socketPath">,
  method: string,
  path: string,
  options: { readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<RawAnswer> {
  const headers = {
    ...(options.body === undefined ? {} : { "content-type": "application/json" }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          ...{ status: answer.statusCode ?? 0, text },
          ...{ type: answer.headers["content-type"], tag: answer.headers.etag },
        }),
      );
    });
    call.on("error", reject);
    call.end(options.body);
  });
}
