import type { ServerId } from "../ids.ts";
import type { DriftPolicy } from "../spec/upkeep-policy.ts";
import type { TargetName } from "../target.ts";
import type { Finding } from "./drift.ts";

/** After this long a frozen server waits no longer for evidence that cannot be had. */
export const evidenceLimitMs = 60_000;

/** A server that has drifted, and how far the response to it has come. */
export interface TaintedServer {
  readonly server: ServerId;
  /** Where it is. Absent: where its service is. */
  readonly target?: TargetName | undefined;
  /** The first that was found. */
  readonly finding: Finding;
  /** What the service's policy asked for when it was found. */
  readonly response: DriftPolicy["response"];
  readonly taintedAtMs: number;
  /** When it was decided to take it out; undefined: it waits for its turn, or is only reported. */
  readonly takenAtMs: number | undefined;
  /** When its evidence was written, or could not be. */
  readonly evidenceAtMs: number | undefined;
  /** Names the evidence: `sha256:…`. Undefined when there is none. */
  readonly evidence: string | undefined;
  /** Someone is in it with `kiln exec`: until that session ends, the server is out of traffic, but neither frozen nor destroyed. */
  readonly held: boolean;
}
