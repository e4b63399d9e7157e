import type { IncomingMessage } from "node:http";
import type { Need } from "../../domain/access/access.ts";
import type { Actor } from "../../domain/access/actor.ts";
import type { ContractEntry } from "./entry.ts";

/** Decides about each request of one transport. */
export interface Guard {
  /** Whether operations of this need are served at all. */
  serves(need: Need): boolean;
  /** Who asks. Called before the body is read. Throws `unauthenticated`, `rate_limited`. */
  admit(request: IncomingMessage, need: Need): RequestCaller;
}

/** The one who asks. */
export interface RequestCaller {
  /** What the transport can prove of that one. */
  actor(): Promise<Actor>;
  /** Throws `forbidden` when that one may not ask this. */
  requireMay(entry: ContractEntry, asked: Readonly<Record<string, unknown>>): Promise<void>;
  /** The same for an exchange of images below `/v2/`. */
  requireMayExchange(method: string, path: string): void;
  /** Whether an item of a list or a stream may be seen. */
  sees(entry: ContractEntry, item: unknown): boolean;
  /** A stream is open until it is disposed of. Its signal fires when the caller may no longer listen. Throws `rate_limited`. */
  openStream(): OpenStream;
}

export interface OpenStream extends Disposable {
  readonly ended: AbortSignal | undefined;
}
