import type { JobId, ServerId, ServiceKey } from "../ids.ts";
import type { JobSpec } from "../spec/job-spec.ts";
import type { JobEnd } from "./job-run.ts";
import type { RolloutPhase, Verdict, WarmRelease } from "./rollout.ts";

/** Shares of new traffic by release; they add up to 1, or the list is empty (no traffic at all). */
export type Shares = readonly { readonly release: number; readonly share: number }[];

/** One thing to do, with the reason a person reads in `kiln plan`. Each is idempotent. */
export type Action =
  | {
      readonly kind: "resize";
      readonly service: ServiceKey;
      readonly release: number;
      readonly size: number;
      /** Servers of the release that run in addition to the `size` others until they are taken out. Absent: none. */
      readonly replacing?: readonly ServerId[] | undefined;
      readonly reason: string;
    }
  | { readonly kind: "route"; readonly service: ServiceKey; readonly shares: Shares; readonly reason: string }
  /** Which release the preview port reaches; undefined: none. */
  | {
      readonly kind: "preview";
      readonly service: ServiceKey;
      readonly release: number | undefined;
      readonly reason: string;
    }
  /** The server is no longer needed: its release is not known, or it was in quarantine. */
  | {
      readonly kind: "destroy";
      readonly service: ServiceKey;
      readonly server: ServerId;
      readonly reason: string;
    }
  /** It has drifted: out of traffic for good, frozen, its evidence kept. */
  | {
      readonly kind: "quarantine";
      readonly service: ServiceKey;
      readonly server: ServerId;
      readonly reason: string;
    }
  /** It has had its time: drained, then destroyed. */
  | {
      readonly kind: "retire";
      readonly service: ServiceKey;
      readonly server: ServerId;
      readonly reason: string;
    }
  /** Ask how the new release does against the old one; what is found is recorded as `judged`. */
  | {
      readonly kind: "analyse";
      readonly service: ServiceKey;
      readonly rollout: number;
      readonly reason: string;
    }
  /** Records that the job begins, then runs it. What is recorded to have begun never begins again. */
  | {
      readonly kind: "run-job";
      readonly service: ServiceKey;
      readonly rollout: number;
      readonly job: string;
      readonly reason: string;
    }
  /** A run of no rollout. */
  | {
      readonly kind: "begin-run";
      readonly service: ServiceKey;
      readonly run: number;
      readonly reason: string;
    }
  /** Whatever runs of it ends; its logs stay. */
  | { readonly kind: "end-job"; readonly service: ServiceKey; readonly job: JobId; readonly reason: string }
  /** With its logs. */
  | {
      readonly kind: "forget-job";
      readonly service: ServiceKey;
      readonly job: JobId;
      readonly reason: string;
    }
  /** A change of what is recorded of the rollout; the store makes it and its event in one transaction. */
  | {
      readonly kind: "record";
      readonly service: ServiceKey;
      readonly change: RecordChange;
      readonly reason: string;
    };

export type RecordChange =
  | {
      readonly kind: "progress";
      readonly rollout: number;
      readonly highestReady: number;
      readonly atMs: number;
    }
  | { readonly kind: "moved"; readonly rollout: number; readonly atMs: number }
  | { readonly kind: "step"; readonly rollout: number; readonly step: number; readonly atMs: number }
  | { readonly kind: "turn-back"; readonly rollout: number; readonly atMs: number }
  /** Everything stays as it is until a person decides. */
  | { readonly kind: "pause"; readonly rollout: number }
  | { readonly kind: "judged"; readonly rollout: number; readonly verdict: Verdict }
  | { readonly kind: "job-started"; readonly rollout: number; readonly job: JobSpec; readonly atMs: number }
  | {
      readonly kind: "job-ended";
      readonly rollout: number;
      readonly job: string;
      readonly end: JobEnd;
      readonly atMs: number;
    }
  | {
      readonly kind: "end";
      readonly rollout: number;
      readonly phase: Extract<RolloutPhase, "complete" | "rolled-back" | "failed">;
      readonly serving: number | undefined;
      readonly warm: readonly WarmRelease[];
      readonly atMs: number;
    }
  | { readonly kind: "warm-over"; readonly release: number }
  | { readonly kind: "run-begun"; readonly run: number; readonly atMs: number }
  | { readonly kind: "run-ended"; readonly run: number; readonly end: JobEnd; readonly atMs: number }
  /** A tainted server is gone. */
  | { readonly kind: "taint-over"; readonly server: ServerId }
  /** Nothing of the service is left: forget it. */
  | { readonly kind: "gone" };

/** What a person decides about a running rollout, besides pausing it and turning it back. */
export type Steering =
  /** Continue, with failures so far forgiven. */
  | { readonly kind: "resume"; readonly rollout: number; readonly atMs: number }
  /** As `resume`, and the present step does not wait any longer. */
  | { readonly kind: "promote"; readonly rollout: number; readonly atMs: number };

/** Whatever changes a rollout's record. */
export type RolloutChange =
  | Exclude<RecordChange, { readonly kind: "warm-over" | "taint-over" | "run-begun" | "run-ended" | "gone" }>
  | Steering;

export interface Plan {
  readonly actions: readonly Action[];
  /** When time alone will change the plan (Unix time in ms); undefined when only an event can. */
  readonly wakeAtMs: number | undefined;
}
