import type { Answer, Asked, Operations, Who } from "../api/contract/types.ts";

export type { Operations, Who };

/** The shapes of what is asked and answered, by the names that the rest of Kiln has for them. See src/api/contract/contract.ts. */

export type DeployRequest = Asked<"deploy">;
export type CheckRequest = Asked<"check">;
export type AcceptRequest = Asked<"acceptBreaks">;
export type ExecRequest = Asked<"exec">;

/** What a request led to. `rollout` is undefined when nothing had to be rolled out (same release, or only scaled). */
export type Accepted = Answer<"deploy">;
export type PlanRequest = Asked<"plan">;
/** What a change would do now, without doing it. */
export type ChangePlan = Answer<"plan">;
export type ServiceStatus = Answer<"status">;
export type ServerStatus = ServiceStatus["servers"][number];
export type ServerTaint = NonNullable<ServerStatus["taint"]>;
export type ReproductionStatus = ServiceStatus["reproductions"][number];
/** What keeps the controller from continuing; it tries again by itself. */
export type Trouble = NonNullable<ServiceStatus["trouble"]>;
export type DriftReport = Answer<"drift">[number];
export type EvidenceReport = Answer<"evidenceOf">;
export type EvidenceSummary = Answer<"evidence">[number];
export type ArchivePiece = Answer<"exportEvidence">;
export type History = Answer<"history">;
export type ReleaseSummary = History["releases"][number];
/** A rollout with how long each part of it took; a part that did not come about is absent. */
export type PastRollout = History["rollouts"][number];
export type Phases = PastRollout["phases"];
export type SecretVersion = Answer<"secrets">[number];
export type VolumeStatus = Answer<"volumes">[number];
export type JobStatus = Answer<"jobs">[number];
export type AuditKey = Answer<"rotateAuditKey">;
export type ExecGrant = Answer<"exec">;
export type StoredVersion = Answer<"images">[number];
export type SourceStatus = Answer<"source">;
export type ControllerStatus = Answer<"info">;
export type TargetStatus = Answer<"targets">[number];
export type ServiceFigures = Answer<"figures">[number];
/** What the servers of a service use and answer. */
export type ServiceUsage = Answer<"usage">[number];
/** With what it lacks. */
export type ProbedTarget = Answer<"target">;
