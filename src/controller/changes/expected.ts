import type { ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import type { ChangePlan } from "../operations.ts";

/** What someone who asks for a change believes is there, and will be done. */
export interface Expecting {
  readonly service: ServiceKey;
  readonly expect?:
    | {
        readonly serving?: number | undefined;
        readonly rollout?: number | undefined;
        readonly plan?: string | undefined;
      }
    | undefined;
}

/**
 * Throws `expectation_failed` where something else is there. Call it right before the change, without a wait in
 * between: nothing else changes the store then.
 */
export function requireExpected(store: Pick<Store, "desired">, { service, expect = {} }: Expecting): void {
  const desired = store.desired(service);
  compare(service, "release", desired?.serving, expect.serving, "serves");
  compare(service, "rollout", desired?.rollout?.id, expect.rollout, "is running");
}

/** Throws `expectation_failed` where something else would be done now than the expected plan says. */
export function requirePlan({ service, expect }: Expecting, { digest }: ChangePlan): void {
  if (expect?.plan === undefined || expect.plan === digest) return;
  const message = `Expected the plan ${short(expect.plan)} of ${service}, but the plan is ${short(digest)} now. Nothing was changed.`;
  throw new KilnError("expectation_failed", message, {
    hint: "Make the plan again: it shows what would be done now. Decide again, then repeat the command with the plan's digest.",
  });
}

function compare(
  service: ServiceKey,
  what: "release" | "rollout",
  found: number | undefined,
  expected: number | undefined,
  does: string,
): void {
  if (expected === undefined || (found ?? 0) === expected) return;
  const name = (number: number | undefined) =>
    number === undefined || number === 0 ? `no ${what} of ${service}` : `${what} ${number} of ${service}`;
  const message = `Expected that ${name(expected)} ${does}, but ${name(found)} ${does}. Nothing was changed.`;
  throw new KilnError("expectation_failed", message, {
    hint: `\`kiln status ${service}\` shows what is there now. Decide again, then repeat the command with what it shows.`,
  });
}

function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}
