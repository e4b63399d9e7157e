/** One stage of a rollout: how far it goes, how long it holds there, and what must hold meanwhile. */
export interface Step {
  /** Share of the servers and of the traffic that the new group has at the end of the step; above 0, at most 1. */
  readonly share: number;
  /** How long the step must stay healthy once the traffic has moved. */
  readonly holdMs: number;
  /** Compares the new release with the old one while the step holds. */
  readonly analysis?: AnalysisSpec | undefined;
}

/** What a step's analysis asks. Worse in any of it: the rollout is given up. Too little to tell: it pauses and says so. */
export interface AnalysisSpec {
  /** Requests to the new release that make a sample; fewer by the end of the hold are inconclusive. */
  readonly minRequests: number;
  /** How much higher the new release's share of failed requests (5xx, no answer) may be than the old one's, 0 to 1. */
  readonly maxErrorRate: number;
  /** How many times the old release's 95th percentile of response times the new one's may be, as far as it can be counted. */
  readonly maxLatencyRatio: number;
  readonly intervalMs: number;
  /** A Prometheus-compatible server: an instant query whose single value must lie within the bounds. */
  readonly query?:
    | {
        readonly url: string;
        readonly query: string;
        readonly min?: number | undefined;
        readonly max?: number | undefined;
      }
    | undefined;
  /** A URL that must answer 2xx. */
  readonly http?: string | undefined;
}

export interface RolloutPolicy {
  readonly strategy: "rolling" | "blue-green" | "canary" | "recreate";
  /** `canary`: the stages before all the traffic, with rising shares. Empty for the others. */
  readonly steps: readonly Step[];
  /** `manual`: the new group waits, whole and ready, until a person promotes it. */
  readonly promote: "auto" | "manual";
  /** `rolling`: servers above `count` that may be raised at once. */
  readonly surge: number;
  /** `rolling`: servers below `count` that may be missing at once. */
  readonly unavailable: number;
  /** How long all servers must stay healthy with all the traffic before the rollout is complete. */
  readonly bakeMs: number;
  /** How long open connections of a server that leaves may take to finish. */
  readonly drainMs: number;
  /** How long the old group is kept, out of traffic, for a rollback in one switch. 0: not at all. */
  readonly keepWarmMs: number;
  /** How long a rollout may go without a new highest number of ready servers. */
  readonly progressDeadlineMs: number;
  readonly onFailure: "rollback" | "stop";
}
