import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import { clientOf } from "../lib/net/addresses.ts";
import type { Shown } from "./certificates/keeper.ts";

/** A client has so long for its part of each step: a TLS handshake, a request's headers, and its body. */
const handshakeMs = 10_000;
const headersMs = 10_000;
const bodyMs = 30_000;
/** Images are large. */
const uploadMs = 3_600_000;
/** A connection on which nothing moves for so long is closed; streams have a heartbeat, and the slowest request takes two minutes. */
const silenceMs = 180_000;
const checkMs = 2_000;

const mostHeaderBytes = 8 * 1024;
const mostConnections = 1_000;
const mostFromOneAddress = 100;

/** An HTTPS server for strangers: TLS 1.3 alone, and little of anything before they have proved who they are. */
export function createTlsServer({ key, chain }: Shown, handler: RequestListener): Server {
  const options = {
    ...({
      key,
      cert: chain,
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
      handshakeTimeout: handshakeMs,
    } as const),
    ...{ headersTimeout: headersMs, requestTimeout: 0, connectionsCheckingInterval: checkMs },
    ...{ maxHeaderSize: mostHeaderBytes, keepAliveTimeout: 5_000 },
  };
  const server = createServer(options, (request, response) => {
    const limitMs = request.url?.startsWith("/v2/") ? uploadMs : bodyMs;
    const timer = setTimeout(() => {
      if (!request.complete) request.destroy();
    }, limitMs);
    request.once("close", () => clearTimeout(timer));
    handler(request, response);
  });
  server.maxConnections = mostConnections;
  server.setTimeout(silenceMs);
  limitEachAddress(server);
  return server;
}

/** One client (an address; of IPv6 its /64) must not take all connections. Before the handshake, because that is what costs. */
function limitEachAddress(server: Server): void {
  const open = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = clientOf(socket.remoteAddress ?? "");
    const count = (open.get(address) ?? 0) + 1;
    if (count > mostFromOneAddress) return void socket.destroy();
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
