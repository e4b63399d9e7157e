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

/** What the controller says of a rollback now: to which release, and what it would find there; or why there is none. */
export function wayBack(
  { plan, fault }: Found,
  releases: Releases,
): { readonly release: number | undefined; readonly words: string } {
  if (plan === undefined) return { release: undefined, words: fault?.message ?? "Asking…" };
  if (plan.final === undefined) return { release: undefined, words: "No release would serve after it." };
  const state = releases.find(({ release: { number } }) => number === plan.final)?.state ?? "kept";
  return { release: plan.final, words: found[state] };
}

const found: Readonly<Record<Releases[number]["state"], string>> = {
  serving: "It still serves: the rollout turns back.",
  warm: "Its servers are still warm: one switch.",
  kept: "Its image is kept: new servers come first.",
  "image gone": "Its image is gone.",
};
