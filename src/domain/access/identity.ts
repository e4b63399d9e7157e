import type { Grant } from "./access.ts";
import type { PipelineRun } from "./actor.ts";

/** A token as the controller knows it: never its secret. */
export interface AccessToken {
  /** The public part, by which it is named: eight letters and digits. */
  readonly id: string;
  readonly kind: "user" | "ci";
  /** Whose it is. One name may have several tokens. */
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly run: PipelineRun | undefined;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly expiresAtMs: number;
  /** To the hour, and from where. */
  readonly lastUse: { readonly atMs: number; readonly address: string } | undefined;
  readonly revoked: Revoked | undefined;
}

/** An invite, which becomes a token once. */
export interface Invite {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
  /** How long the token lasts that it becomes. */
  readonly tokenMs: number;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly expiresAtMs: number;
}

export interface Revoked {
  readonly atMs: number;
  readonly by: string;
  readonly reason: string;
}

const dayMs = 86_400_000;

/** How long an invite waits for its guest. */
export const inviteMs = 3_600_000;

/** How long tokens of people last unless the invite says otherwise, and at most. */
export const usualTokenMs = 90 * dayMs;
export const longestTokenMs = 366 * dayMs;

/** How long the old token lives after a rotation. */
export const overlapMs = dayMs;

/** How long the token of a pipeline lasts. */
export const pipelineTokenMs = 15 * 60_000;
