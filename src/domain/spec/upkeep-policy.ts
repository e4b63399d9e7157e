/** What is done about the servers of a service once they run. Like the rollout, not part of a release. */
export interface UpkeepPolicy {
  readonly drift: DriftPolicy;
  /** Older servers are replaced, one by one, by others of the same release. Absent: they may grow as old as they like. */
  readonly maxAgeMs?: number | undefined;
}

export interface DriftPolicy {
  /** `quarantine`: as `replace`, but the server is kept, frozen, to be looked at. `report`: it stays as it is. */
  readonly response: "replace" | "quarantine" | "report";
  /** How many servers may be missing at once because they were taken out: a number, or a share of all (at least one). */
  readonly maxConcurrent: { readonly servers: number } | { readonly share: number };
  /** Kinds of drift that this service ignores: `full`, or with a pattern for the subject, `mount:/var/cache/*`. */
  readonly ignore: readonly string[];
}

/** What holds for services whose spec says nothing else. */
export const defaultUpkeep: UpkeepPolicy = {
  drift: { response: "replace", maxConcurrent: { share: 0.1 }, ignore: [] },
};
