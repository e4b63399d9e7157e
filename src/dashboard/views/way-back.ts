import type { Answer } from "../../api/contract/types.ts";
import type { Fault } from "../store.ts";

type Releases = Answer<"history">["releases"];

/** The plan of a rollback as it was answered last. */
export interface Found {
  readonly plan?: Answer<"plan">;
  readonly fault?: Fault;
}

/** Whether to ask for it: what it depends on has changed since (`asked`: what that was), or no one could answer. */
export function isOpen({ fault }: Found, asked: string | undefined, when: string): boolean {
  return asked !== when || fault?.passing === true;
}

/** The release that serves at the end of a plan. An older controller does not say it; then the last route does. */
export function finalOf({ final, actions }: Pick<Answer<"plan">, "final" | "actions">): number | undefined {
  return final ?? actions.flatMap((action) => (action.kind === "route" ? action.shares : [])).at(-1)?.release;
}

/** What the controller says of a rollback now: to which release, and what it would find there; or why there is none. */
export function wayBack(
  { plan, fault }: Found,
  releases: Releases,
): { readonly release: number | undefined; readonly words: string } {
  if (plan === undefined) return { release: undefined, words: fault?.message ?? "Asking…" };
  const final = finalOf(plan);
  if (final === undefined) return { release: undefined, words: "No release would serve after it." };
  const state = releases.find(({ release: { number } }) => number === final)?.state ?? "kept";
  return { release: final, words: found[state] };
}

const found: Readonly<Record<Releases[number]["state"], string>> = {
  serving: "It still serves: the rollout turns back.",
  warm: "Its servers are still warm: one switch.",
  kept: "Its image is kept: new servers come first.",
  "image gone": "Its image is gone.",
};
