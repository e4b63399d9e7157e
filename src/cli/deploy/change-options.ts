/** What must be there, or nothing is done: a release or a rollout by its number, or the plan with this digest. */
export type Expected = number | string;

/** What every command that changes a service takes. */
export interface ChangeOptions {
  readonly reason?: string;
  readonly expect?: Expected;
  /** Print the plan, and do nothing. */
  readonly plan?: boolean;
}

/** What such a command asks with: a number is that of the release that must serve. */
export function onRelease({ reason, expect }: ChangeOptions) {
  return { reason, ...expecting("serving", expect) };
}

/** The same of a command about a rollout: a number is that of the rollout that must be running. */
export function onRollout({ reason, expect }: ChangeOptions) {
  return { reason, ...expecting("rollout", expect) };
}

function expecting(what: "serving" | "rollout", expect: Expected | undefined) {
  if (expect === undefined) return {};
  return { expect: typeof expect === "number" ? { [what]: expect } : { plan: expect } };
}
