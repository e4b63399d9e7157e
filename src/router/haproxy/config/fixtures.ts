import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Server as TcpServer } from "node:net";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import type { RoutedService, Upstream } from "../../router.ts";

/** Parts for the tests of this folder. */
export const health: RoutedService["health"] = {
  check: { kind: "http", path: "/health" },
  intervalMs: 200,
  timeoutMs: 500,
  ready: 2,
  unready: 3,
  deadlineMs: 60_000,
};

export function httpFrontend(listen: number, host?: string): TrafficSpec {
  return { mode: "http", listen, host };
}

export function tcpFrontend(listen: number): TrafficSpec {
  return { mode: "tcp", listen, host: undefined };
}

/** The frontend with TLS; the files need not be there. */
export function tlsFrontend(
  frontend: TrafficSpec,
  tls = { certificate: "/c.pem", key: "/k.pem" },
): TrafficSpec {
  return { ...frontend, tls };
}

export function upstream(id: string, port: number, weight = 100, address = "127.0.0.1"): Upstream {
  return { id, address, port, weight };
}

/** A server that counts what it answers; a request for `/slow?ms=N` is answered after that time. */
export interface Backend extends AsyncDisposable {
  readonly id: string;
  readonly upstream: Upstream;
  readonly answered: () => number;
}

export async function httpBackend(id: string, address = "127.0.0.1"): Promise<Backend> {
  let answered = 0;
  const server = createServer((request, response) => {
    if (request.url !== "/health") answered += 1;
    answer(id, request, response).catch(() => response.destroy()); // the client went away
  });
  server.keepAliveTimeout = 30;
  const port = await listen(server, address);
  return {
    id,
    upstream: upstream(id, port, 100, address),
    answered: () => answered,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  const delayMs = Number(new URL(request.url ?? "/", "http://x").searchParams.get("ms") ?? 0);
  setTimeout(
    () => response.end(JSON.stringify({ id, bytes, url: request.url, headers: request.headers })),
    delayMs,
  );
}

export async function tcpBackend(id: string): Promise<Backend> {
  let answered = 0;
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      answered += 1;
      socket.write(`${id}:${chunk}`);
    });
  });
  const port = await listen(server, "127.0.0.1");
  return {
    id,
    upstream: upstream(id, port),
    answered: () => answered,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Listens on a free port and returns it. */
export function listen(server: Server | TcpServer, address: string, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound ? bound.port : 0);
    });
  });
}
