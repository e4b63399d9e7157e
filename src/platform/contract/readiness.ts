import type { IntegrityTier } from "../../domain/drift/drift.ts";
import type { ErrorCode } from "../../lib/error-codes.ts";

/** A thing that this machine or account lacks, and what to do about it. */
export interface Gap {
  readonly what: string;
  readonly remedy: string;
  /** `fatal`: the platform cannot be used; `degraded`: it can, with less. */
  readonly severity: "fatal" | "degraded";
  /** Of the error with which a command ends because of it. Absent: `platform_unusable`. */
  readonly code?: ErrorCode | undefined;
}

export interface Readiness {
  readonly usable: boolean;
  readonly gaps: readonly Gap[];
  /** What was found, for `kiln doctor`: `runc 1.1.5`, `cgroup v2`. */
  readonly facts: readonly string[];
  /** Absent where servers are not looked at. */
  readonly integrity?: IntegrityTier;
}
