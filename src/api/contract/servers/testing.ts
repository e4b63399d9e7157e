import type { AskedOf, OperationsOf } from "../types.ts";
import type { serversTable } from "./operations.ts";

const server = "shop-1-1-1";

const anExec = {
  ...{ server: "shop-1-1-1", command: ["sh"], reason: "it hangs", terminal: true, pid: 4711 },
};

/** What they are asked, at least once each. */
export const serversAsked: AskedOf<typeof serversTable> = {
  destroyServer: [{ server }],
  reproduce: [{ server }],
  exec: [anExec],
  endExec: [{ session: 7, exitCode: 137 }],
  logs: [{ server, tail: 3 }],
  serviceLogs: [
    { service: "shop", tail: 3 },
    { service: "shop", since: 1, grep: "GET /?a=b&c" },
  ],
  accessLog: [{ service: "shop", tail: 3, follow: false }],
};

/** Full values. */
export const serversAnswered: OperationsOf<typeof serversTable> = {
  destroyServer: async () => {},
  reproduce: async () => ({ id: "shop-1-1-1__copy", enter: "kiln exec shop-1-1-1__copy --reason TEXT --" }),
  exec: async () => ({
    session: 7,
    argv: ["runc", "exec"],
    transcript: "/state/session-7.cast",
    tainted: true,
  }),
  endExec: async () => {},
  serviceLogs: async function* () {
    yield { server, atMs: 1, stream: "stdout", text: "hello" };
  },
  accessLog: async function* () {
    const request = { client: "192.0.2.1", method: "GET", host: "shop.example", path: "/a\u001b" };
    const answer = { status: 200, bytes: 532, durationMs: 12, server, release: 1 };
    yield { atMs: 1, ...request, ...answer, endedBy: "client" };
  },
  logs: async function* () {
    yield { atMs: 1, stream: "stdout", text: "hello\nworld" };
    yield { atMs: 2, stream: "stderr", text: "ünïcode \u2028 data: x" };
  },
};
