import { signal } from "@preact/signals";
import type { Answer, Asked } from "../../api/contract/types.ts";
import { ask, invalidate } from "../store.ts";
import { finalOf } from "../views/way-back.ts";
import { plural } from "../words.ts";

/** A change that can be asked for here. `remove` and `deploy` are left to the command line. */
export type Change =
  | Extract<Asked<"plan">["change"], { readonly kind: "rollback" | "scale" | "promotion" }>
  | { readonly kind: "promote" | "abort" | "pause" | "resume" };

export interface Wish {
  readonly service: string;
  readonly change: Change;
}

/** The change whose plan is shown; undefined: none. */
export const wish = signal<Wish | undefined>(undefined);

export function wishFor(service: string, change: Change): void {
  wish.value = { service, change };
}

/** `Roll back shop to release 40`. */
export function titleOf({ service, change }: Wish): string {
  switch (change.kind) {
    case "rollback":
      return change.release === undefined
        ? `Roll back ${service}`
        : `Roll back ${service} to release ${change.release}`;
    case "scale":
      return `Change the number of servers of ${service}`;
    case "promotion":
      return `Promote candidate ${change.candidate} to ${service}`;
    case "promote":
      return `Promote the rollout of ${service}`;
    case "abort":
      return `Abort the rollout of ${service}`;
    case "pause":
      return `Pause the rollout of ${service}`;
    case "resume":
      return `Resume the rollout of ${service}`;
  }
}

/** What the button does, in words of its effect. */
export function effectOf({ change }: Wish, plan: Answer<"plan">): string {
  switch (change.kind) {
    case "rollback": {
      const final = finalOf(plan);
      return final === undefined ? "Roll back" : `Send traffic to release ${final}`;
    }
    case "scale":
      return `Run ${plural(change.count, "server")}`;
    case "promotion":
      return "Begin the rollout";
    case "promote":
      return "Promote";
    case "abort":
      return plan.serving === undefined ? "Abort" : `Go back to release ${plan.serving.number}`;
    case "pause":
      return "Pause";
    case "resume":
      return "Resume";
  }
}

/** What policies say against it, apart from a missing reason: that is for the form. */
export function refusedIn({ admission }: Pick<Answer<"plan">, "admission">): readonly Verdict[] {
  return (admission?.rules ?? []).filter(
    ({ passed, mode, kind }) => !passed && mode === "enforce" && kind !== "reason",
  );
}

/** Whether they ask why. */
export function asksReason({ admission }: Pick<Answer<"plan">, "admission">): boolean {
  return (admission?.rules ?? []).some(({ kind }) => kind === "reason");
}

export type Verdict = NonNullable<Answer<"plan">["admission"]>["rules"][number];

/** Does what the shown plan says, or nothing: the controller compares the digest. */
export async function carryOut(
  { service, change }: Wish,
  plan: Answer<"plan">,
  reason: string,
): Promise<void> {
  const { kind, ...fields } = change;
  const asked = { service, ...fields, expect: { plan: plan.digest }, ...(reason === "" ? {} : { reason }) };
  await ask(kind, asked as never);
  invalidate(service);
}
