/** What goes wrong. */
export const faults = [
  "a call failed",
  "a call's answer was lost",
  "a call was accepted and forgotten",
  "a call was late",
  "a listing of the host failed",
  "a look at the router failed",
  "a look at the engine failed",
  "an operation failed for a while",
  "a server's process ended",
  "a server answered errors",
  "a server hung",
  "a server was removed by others",
  "the router forgot its routes",
  "the machine restarted",
  "a group was resized by others",
  "the quota was used up",
  "the engine moved no traffic for a while",
  "the clock was set forward",
  "the clock was set back",
  "the clock was set forward while a controller ran",
  "the clock was set back while a controller ran",
  "the controller was killed",
  "calls of a killed controller went on",
  "the controller was stopped",
  "the controller was away for longer than a deadline",
  "a second controller came",
] as const;

/** What operators do, as far as it was accepted. */
export const requests = [
  "deploy",
  "deploy over a rollout",
  "rollback",
  "rollback during a rollout",
  "scale",
  "scale during a rollout",
  "pause",
  "pause of a rollback",
  "resume",
  "promote",
  "abort on the way forward",
  "abort on the way back",
  "abort while paused",
  "abort of a rollback",
  "remove",
  "remove during a rollout",
  "freeze",
  "unfreeze",
  "deploy that a freeze refuses",
  "deploy against policies",
] as const;

/** The same in runs that have policies. */
export const policyRequests = [
  "another policy",
  "another policy during a rollout",
  "deploy that a window refuses",
  "deploy that lacks a reason",
  "deploy that waits for approvals",
  "approve",
  "deploy changed after its approval",
  "deploy that was approved",
  "review",
] as const;

export type Fault = (typeof faults)[number];
export type Request = (typeof requests | typeof policyRequests)[number];
export type Counts = Readonly<Partial<Record<Fault | Request, number>>>;

/** How often everything has happened. */
export class Tally {
  readonly #counts: Partial<Record<Fault | Request, number>> = {};

  add(what: Fault | Request): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  get counts(): Counts {
    return this.#counts;
  }
}
