/** What every command that changes a service takes. */
export interface ChangeOptions {
  readonly reason?: string;
  /** What must be there, or nothing is done: a release or a rollout, by its number. */
  readonly expect?: number;
}

/** The additional option of such a command: the release that must serve. */
export function onRelease({ reason, expect }: ChangeOptions) {
  return { reason, ...(expect === undefined ? {} : { expect: { serving: expect } }) };
}

/** The same of a command about a rollout: that it is running. */
export function onRollout({ reason, expect }: ChangeOptions) {
  return { reason, ...(expect === undefined ? {} : { expect: { rollout: expect } }) };
}
