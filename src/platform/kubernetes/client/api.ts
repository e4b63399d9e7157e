import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";

export interface ClusterRequest {
  readonly method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** `/api/v1/namespaces/shop/pods`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** Of the body. Absent: `application/json`. */
  readonly contentType?: string;
  /** Statuses of 300 and above that do not count as failures. */
  readonly accept?: readonly number[];
  /** The answer continues as long as there is news: it takes no connection from other requests. */
  readonly lasting?: boolean;
  readonly signal: AbortSignal;
}

export interface Selection {
  readonly path: string;
  /** `kiln.dev/service=shop,kiln.dev/release`. Absent: everything. */
  readonly labels?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Listed<T> {
  readonly items: readonly T[];
  /** Where a watch continues. */
  readonly resourceVersion: string;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: unknown;
  readonly resourceVersion: string;
}

export interface ServerVersion {
  /** `1.31`. */
  readonly minor: number;
  readonly text: string;
}

/** Certificates and keys in PEM. */
export interface HandedAccess {
  /** Without a slash at the end. */
  readonly server: string;
  readonly insecure: boolean;
  readonly authority?: string | undefined;
  readonly serverName?: string | undefined;
  readonly token?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * The API of a cluster. Everything here throws `target_unreachable` when no API server answers, `target_invalid` for a kubeconfig that
 * cannot be used, and `ApiRefusal` when the server refuses.
 */
export interface Api {
  /** Undefined for a status that was accepted without being a success. */
  read<T>(asked: ClusterRequest, schema: z.ZodType<T>): Promise<T | undefined>;
  /** The answer as it comes. */
  stream(asked: ClusterRequest): Promise<IncomingMessage>;
  /** All objects, page by page, of one moment; only what the schema names is kept. */
  list<T>(selection: Selection, item: z.ZodType<T>): Promise<Listed<T>>;
  /**
   * Changes after `resourceVersion`, until the server ends the watch, as it does every few minutes. Throws an `ApiRefusal` with status 410 when
   * the server no longer knows that version.
   */
  watch(selection: Selection & { readonly resourceVersion: string }): AsyncGenerator<WatchEvent>;
  version(signal: AbortSignal): Promise<ServerVersion>;
  /** What another process needs to ask the server as we do, for as long as the credentials are valid. */
  access(signal: AbortSignal): Promise<HandedAccess>;
  /** How far the server's clock is ahead of ours, in ms: what its last answer showed. */
  readonly clockAheadMs: number;
  /** Of the kubeconfig's context. */
  readonly namespace: string | undefined;
}

/** The server's answer to what it cannot or will not do. */
export class ApiRefusal extends KilnError {
  readonly status: number;
  /** The machine-readable word of the answer: `AlreadyExists`, `Forbidden`. */
  readonly reason: string;
  /** The server's own words. */
  readonly words: string;

  constructor(
    { method = "GET", path }: Pick<ClusterRequest, "method" | "path">,
    status: number,
    reason: string,
    words: string,
  ) {
    const denied = status === 401 || status === 403;
    super(
      denied ? "platform_unusable" : "server_failed",
      status === 401
        ? "The cluster does not accept the credentials of the kubeconfig."
        : `Kubernetes refused ${method} ${path}: ${words}`,
      {
        retry: status >= 500 || status === 429,
        ...(denied ? { hint: "`kiln target show` lists what the user of the kubeconfig lacks." } : {}),
      },
    );
    this.status = status;
    this.reason = reason;
    this.words = words;
  }
}
