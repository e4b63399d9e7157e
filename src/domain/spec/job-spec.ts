/**
 * Work that is done once in each deploy, by a server of its own: made from the new release, without traffic, health
 * check or successor. Jobs of one kind run one after another, in their order.
 */
export interface JobSpec {
  /** Lower-case letters, digits and hyphens; a letter first. Each once in a release. */
  readonly name: string;
  /** `before`: before any server of the new release exists; `after`: once those have all the traffic. */
  readonly when: "before" | "after";
  /** argv, in place of the image's. */
  readonly command: readonly string[];
  /** How long it may take, from its start to its end. */
  readonly deadlineMs: number;
}

/** A job that the controller runs at set times, by a server of the release that serves then. */
export interface ScheduleSpec {
  /** As of `JobSpec`; no job of the release has the same. */
  readonly name: string;
  /** Five fields as in crontab(5), or `@daily` and the like. */
  readonly schedule: string;
  /** Of the IANA database; a time that the clock skips in spring comes once, one that it repeats in autumn too. */
  readonly timeZone: string;
  /** argv, in place of the image's. */
  readonly command: readonly string[];
  /** What happens when a time comes while the run before has not ended. */
  readonly overlap: "skip" | "replace" | "allow";
  /** How long one run may take, from its start to its end. */
  readonly deadlineMs: number;
  /** How many ended runs are kept, with their logs. */
  readonly keep: number;
}
