import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { AccessEntry } from "../../domain/traffic/access-log.ts";
import type { TrafficCounter } from "../../domain/traffic/traffic.ts";
import type { Call } from "./call.ts";

export interface TrafficStats {
  /** What the data plane has counted for the servers that it gives traffic to: of one service, or of all. */
  read(service: ServiceKey | undefined, call: Call): Promise<readonly TrafficCounter[]>;
}

export interface LogReader {
  /**
   * The lines of a server or job, oldest first: the last `tail` of them (all without it), then, with `follow`, new ones until
   * the signal fires or the server is gone. Throws `server_unknown`.
   */
  read(
    server: ServerId,
    options: { readonly tail?: number | undefined; readonly follow?: boolean | undefined },
    signal: AbortSignal,
  ): AsyncIterable<LogLine>;
}

export interface AccessLogReader {
  /** The requests of a service, oldest first; `tail` and `follow` as for `LogReader`. Nothing for a service without `accessLog`. */
  read(
    service: ServiceKey,
    options: { readonly tail?: number | undefined; readonly follow?: boolean | undefined },
    signal: AbortSignal,
  ): AsyncIterable<AccessEntry>;
}

export interface LogLine {
  readonly atMs: number;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}
