import type { ServerId } from "../../../domain/ids.ts";
import type { HealthSpec } from "../../../domain/spec/server-shape.ts";
import type { ProbeResult } from "./health.ts";

export interface ProbeTarget {
  readonly id: ServerId;
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** The machine's own address on the way to the server. Absent: not known. */
  readonly from?: string | undefined;
  /** The service's host name, if it has one. */
  readonly host: string | undefined;
  /** It expects the PROXY protocol on every connection. */
  readonly expectsProxy?: boolean | undefined;
  readonly check: HealthSpec["check"];
  readonly timeoutMs: number;
}

/** Asks a server once how it is. */
export interface Prober {
  /** Never rejects: whatever goes wrong is a failed check with words. Ends early when the signal fires. */
  probe(target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult>;
}
