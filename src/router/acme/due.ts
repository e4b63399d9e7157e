import type { Certificate } from "../certificate.ts";

/** What is known of a service's certificate besides the certificate itself; one small file for each. */
export interface IssueRecord {
  /** The authority that issued the present one; absent before the first. */
  readonly directory?: string | undefined;
  /** What `failures` are about: with another order everything begins again. */
  readonly asked?: string | undefined;
  /** Orders in a row that failed. */
  readonly failures: number;
  /** Not before this time (Unix time in ms). */
  readonly tryAtMs: number;
  /** Why the last order failed. */
  readonly error?: string | undefined;
}

export const noRecord: IssueRecord = { failures: 0, tryAtMs: 0 };

/** Why another certificate is needed, in words; undefined: the present one is good for a while. */
export function whyDue(
  present: Certificate | undefined,
  wanted: { readonly hosts: readonly string[]; readonly directory: string; readonly nowMs: number },
  record: IssueRecord,
): string | undefined {
  if (present === undefined || isOwn(present)) return "none was issued yet";
  const { leaf, fromMs, toMs } = present;
  const uncovered = wanted.hosts.find((host) => leaf.checkHost(host, { subject: "never" }) === undefined);
  if (uncovered !== undefined) return `the present one does not cover ${uncovered}`;
  if (record.directory !== wanted.directory) return "another authority is asked for";
  // As certbot and others do: whatever a certificate's lifetime is, a third of it is left for attempts.
  return wanted.nowMs < fromMs + ((toMs - fromMs) * 2) / 3 ? undefined : "the present one expires";
}

/** Signed by itself: it only keeps the port open until the authority has answered. */
export function isOwn({ leaf }: Certificate): boolean {
  return leaf.checkIssued(leaf);
}

/**
 * Whether another attempt may be made. No pause is longer than the longest: one that seems so was counted by a clock that
 * was wrong.
 */
export function mayTry({ tryAtMs }: IssueRecord, nowMs: number): boolean {
  return tryAtMs <= nowMs || tryAtMs > nowMs + longestPauseMs;
}

const longestPauseMs = 180 * 60_000;

/**
 * How long to wait after so many failures in a row. Authorities count them: Let's Encrypt refuses a host name for an hour after
 * five (https://letsencrypt.org/docs/rate-limits/).
 */
export function pauseMs(failures: number): number {
  const minutes = [1, 5, 30, 60][failures - 1];
  return minutes === undefined ? longestPauseMs : minutes * 60_000;
}
