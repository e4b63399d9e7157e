import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { AccessEntry } from "../../domain/traffic/access-log.ts";
import type { TrafficCounter } from "../../domain/traffic/traffic.ts";
import type { Call } from "./call.ts";

export interface TrafficStats {
  /** What the data plane has counted for the servers that it gives traffic to: of one service, or of all. */
  read(service: ServiceKey | undefined, call: Call): Promise<readonly TrafficCounter[]>;
}

/** What a server uses of its machine; undefined: not known. */
export interface ServerUsage {
  /** Time on a processor since it began: 1,000 in a second are all of one. */
  readonly cpuMs: number | undefined;
  /** Now, without file cache that the kernel gives back without harm. */
  readonly memoryBytes: number | undefined;
}

export interface UsageReader {
  /** Servers that are gone, or do not run, are left out. */
  read(servers: readonly ServerId[], call: Call): Promise<ReadonlyMap<ServerId, ServerUsage>>;
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
