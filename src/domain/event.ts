import type { ServiceKey } from "./ids.ts";

/** What happened, before it has its place in the log. */
export interface NewEvent {
  /** Undefined: it concerns the installation as a whole. */
  readonly service: ServiceKey | undefined;
  /** `noun.happened`: `release.created`, `rollout.step`, `server.failed`. docs/events.md lists them. */
  readonly kind: string;
  /** One sentence for people. */
  readonly message: string;
  /** For programs. Never holds a secret or the value of an environment variable. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** One entry of the event log. */
export interface KilnEvent extends NewEvent {
  /** Its place in the log, from 1, without gaps. */
  readonly sequence: number;
  /** Unix time in ms. */
  readonly atMs: number;
}
