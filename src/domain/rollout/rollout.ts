import type { TaintedServer } from "../drift/taint.ts";
import type { ServiceKey } from "../ids.ts";
import type { RolloutPolicy, Step } from "../spec/rollout-policy.ts";
import type { UpkeepPolicy } from "../spec/upkeep-policy.ts";
import type { TargetName } from "../target.ts";
import type { JobRun, ScheduledRun } from "./job-run.ts";
import type { Release } from "./release.ts";

/** What an analysis has found so far in the present step. */
export interface Verdict {
  readonly outcome: "pass" | "fail" | "inconclusive";
  /** One sentence with the figures it rests on. */
  readonly reason: string;
  readonly atMs: number;
}

export type RolloutPhase =
  /** On its way to the new release. */
  | "forward"
  /** On its way back to the old one. */
  | "back"
  /** Nothing moves until it is resumed, promoted or aborted; `reason` says why. */
  | "paused"
  | "complete"
  /** Failed or aborted, and the old release serves again. */
  | "rolled-back"
  /** Failed or aborted, and there was no way back, or the policy said stop. */
  | "failed"
  | "superseded";

/** Where a deploy came from, as far as it is known. */
export interface Origin {
  /** Full id of the git commit that the project stood at. */
  readonly commit?: string | undefined;
  /** Whether the project differed from that commit. */
  readonly dirty?: boolean | undefined;
  /** The CI run: its URL, or its number. */
  readonly ci?: string | undefined;
  /** When the commit was made, by its committer's clock (Unix time in ms). */
  readonly committedAtMs?: number | undefined;
  /** The URL of its repository, without credentials. */
  readonly repository?: string | undefined;
  /** The branch or tag that was deployed: `refs/heads/main`. */
  readonly ref?: string | undefined;
}

/** The commits that a deploy brings: those after the commit that served before. */
export interface BroughtCommits {
  /** Newest first, the newest 500 of them. */
  readonly newest: readonly { readonly id: string; readonly atMs: number }[];
  /** Whether these are all. */
  readonly complete: boolean;
}

/** For the trace of a rollout: what is known of the time before it. */
export interface TraceContext {
  /** The span of another trace that the deploy is part of, such as a pipeline's: ids in hex. */
  readonly parent?: { readonly traceId: string; readonly spanId: string } | undefined;
  /** How long the build of its image took, and how long it had been over when the deploy was asked for. */
  readonly build?: { readonly ms: number; readonly agoMs: number } | undefined;
}

/** The journey of a service from one release to another. */
export interface Rollout {
  readonly id: number;
  readonly service: ServiceKey;
  /** `move`: to the same release under another number, on another target. */
  readonly kind: "deploy" | "rollback" | "move";
  /** Undefined for the first release of a service. */
  readonly from: number | undefined;
  readonly to: number;
  readonly policy: RolloutPolicy;
  /** Of a rollback with data: by volume, the snapshot that takes the place of its data. Absent: data stays. */
  readonly restore?: Readonly<Record<string, string>> | undefined;
  /** Strategies are data: all compile to a list of steps, and the planner knows nothing else. */
  readonly steps: readonly Step[];
  readonly phase: RolloutPhase;
  /** Index into `steps`. */
  readonly step: number;
  readonly startedAtMs: number;
  readonly startedBy: string;
  readonly origin: Origin | undefined;
  /** What changes against the release before: one sentence each. */
  readonly changes: readonly string[];
  /** When the present step's traffic had moved; undefined before that. */
  readonly movedAtMs: number | undefined;
  /** The highest number of ready servers of the new group so far, and when it was reached. */
  readonly highestReady: number;
  readonly progressAtMs: number;
  /** Failures of servers before this time are forgiven: the start, or the last time that a person resumed it. */
  readonly judgedFromMs: number;
  /** A person wants the present step to continue without further waiting. */
  readonly promoted: boolean;
  /** Jobs that have begun, in the order in which they did. */
  readonly jobs: readonly JobRun[];
  /** Of the present step's analysis. */
  readonly verdict: Verdict | undefined;
  readonly endedAtMs: number | undefined;
  /** Why it failed, was aborted or superseded: one sentence. */
  readonly reason: string | undefined;
}

/** A release whose servers are kept, out of traffic, for a rollback in one switch. */
export interface WarmRelease {
  readonly release: number;
  readonly untilMs: number;
}

/** The other target of a service that moves: the one that it comes to, and, once it is there, the one that it has left. */
export interface Move {
  readonly target: TargetName;
  /** The release whose servers are there. */
  readonly release: number;
  /** Whether both targets have the ports of one machine: then the port changes hands, and nothing has to be done by hand. */
  readonly shared: boolean;
  /** Until when its servers are kept there for a way back (Unix time in ms); undefined: nothing of it shall be left there. */
  readonly keptUntilMs: number | undefined;
}

/** A target that the service has left, and that someone has given up because it did not answer: what may still run there goes when it answers. */
export type GivenUp = Pick<Move, "target" | "release" | "shared">;

/** What is desired of one service: the planner's first argument. */
export interface DesiredService {
  readonly service: ServiceKey;
  /** Where it runs. */
  readonly target: TargetName;
  /** The other target that it has servers on. Absent: it does not move, and nothing is left of a move. */
  readonly move?: Move | undefined;
  /** Absent: none. */
  readonly givenUp?: readonly GivenUp[] | undefined;
  readonly count: number;
  /** Every kept release, by number. */
  readonly releases: ReadonlyMap<number, Release>;
  /** The release that has proven itself and has the traffic. */
  readonly serving: number | undefined;
  /** The running rollout, if any. */
  readonly rollout: Rollout | undefined;
  readonly warm: readonly WarmRelease[];
  readonly drainMs: number;
  readonly upkeep: UpkeepPolicy;
  /** How many ready servers may be missing, as the rollout policy has it. */
  readonly unavailable: number;
  /** Its servers never run at the same time as their successors: the strategy is `recreate`. */
  readonly alone: boolean;
  /** Of servers that may still be there, the oldest first. */
  readonly taints: readonly TaintedServer[];
  /** Too much has drifted in the whole installation: until then (Unix time in ms) no server is taken out for it. */
  readonly suspendedUntilMs: number | undefined;
  /** Runs of scheduled jobs and of commands: those that have not ended, and those that are kept. Oldest first. Absent: none. */
  readonly runs?: readonly ScheduledRun[] | undefined;
  /** True once `kiln remove` was asked for: nothing shall be left. */
  readonly removed: boolean;
}
