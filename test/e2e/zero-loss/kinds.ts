import type { Ask } from "./ask.ts";
import { http1 } from "./http1-client.ts";
import { http2 } from "./http2-client.ts";
import { tcpSession, webSocketSession } from "./sessions.ts";

/** HTTP, HTTPS and plain TCP, all of one image. */
export const services = ["web", "secure", "raw"] as const;
export type Service = (typeof services)[number];

/** Where the services of the test are. */
export interface Frontends {
  readonly http: number;
  readonly https: number;
  readonly tcp: number;
}

/** A kind of client. */
export interface Kind {
  readonly name: string;
  readonly service: Service;
  /** The router may ask another server, once, when the first one dies: idempotent, and no part of the answer has come yet. */
  readonly repeatable: boolean;
  readonly clients: number;
  readonly make: (frontends: Frontends) => Ask;
}

/** All of them. What is slow takes longer than a rollout step, and far less than the drain time. */
export const kinds: readonly Kind[] = [
  {
    name: "keep-alive",
    service: "web",
    repeatable: true,
    clients: 3,
    make: ({ http }) => http1({ port: http, keepAlive: true }),
  },
  {
    name: "one-shot",
    service: "web",
    repeatable: true,
    clients: 3,
    make: ({ http }) => http1({ port: http }),
  },
  {
    name: "TLS",
    service: "secure",
    repeatable: true,
    clients: 2,
    make: ({ https }) => http1({ port: https, keepAlive: true, tls: true }),
  },
  {
    name: "POST",
    service: "web",
    repeatable: false,
    clients: 2,
    make: ({ http }) => http1({ port: http, keepAlive: true, body: 1000 }),
  },
  {
    name: "h2",
    service: "web",
    repeatable: true,
    clients: 3,
    make: ({ http }) => http2(`http://127.0.0.1:${http}`),
  },
  {
    name: "h2 TLS",
    service: "secure",
    repeatable: true,
    clients: 3,
    make: ({ https }) => http2(`https://127.0.0.1:${https}`),
  },
  {
    name: "late answer",
    service: "web",
    repeatable: true,
    clients: 4,
    make: ({ http }) => http1({ port: http, path: "/late?ms=2500" }),
  },
  {
    name: "slow answer",
    service: "web",
    repeatable: false,
    clients: 4,
    make: ({ http }) => http1({ port: http, path: "/trickle?ms=2500", size: 100 }),
  },
  {
    name: "upload",
    service: "web",
    repeatable: false,
    clients: 4,
    make: ({ http }) => http1({ port: http, body: 15_000, slowly: true }),
  },
  {
    name: "WebSocket",
    service: "web",
    repeatable: false,
    clients: 4,
    make: ({ http }) => webSocketSession(http),
  },
  { name: "TCP", service: "raw", repeatable: false, clients: 4, make: ({ tcp }) => tcpSession(tcp) },
];
