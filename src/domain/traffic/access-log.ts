import type { ServerId } from "../ids.ts";

/** A request, as the router saw it. Neither its query nor its headers are kept, other than the host name: they hold secrets more often. */
export interface AccessEntry {
  /** When the router had read its head. */
  readonly atMs: number;
  /** IP address of the client: the connection's, or what trusted proxies say of it. */
  readonly client: string;
  readonly method: string;
  /** As the client wrote it, at most 255 bytes of it. */
  readonly host: string;
  /** As the client wrote it, before anything is stripped, at most 1024 bytes of it. */
  readonly path: string;
  /** Undefined: the client left before there was an answer. */
  readonly status?: number | undefined;
  /** Sent to the client, with the head of the answer. */
  readonly bytes: number;
  /** From the first byte of the request to the last one of the answer. */
  readonly durationMs: number;
  /** Undefined: the router answered by itself. */
  readonly server?: ServerId | undefined;
  /** The server's; undefined without one. */
  readonly release?: number | undefined;
  /** Who ended it early; undefined: no one. */
  readonly endedBy?: "client" | "server" | "timeout" | undefined;
}
