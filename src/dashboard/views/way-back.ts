import type { Answer } from "../../api/contract/types.ts";
import type { Fault } from "../store.ts";

type Releases = Answer<"history">["releases"];

/** What the controller says of a rollback now: to which release, and what it would find there; or why there is none. */
export function wayBack(
  { plan, fault }: { readonly plan?: Answer<"plan">; readonly fault?: Fault },
  releases: Releases,
): { readonly release: number | undefined; readonly words: string } {
  if (plan?.final === undefined) return { release: undefined, words: fault?.message ?? "Asking…" };
  const state = releases.find(({ release: { number } }) => number === plan.final)?.state ?? "kept";
  return { release: plan.final, words: found[state] };
}

const found: Readonly<Record<Releases[number]["state"], string>> = {
  serving: "It still serves: the rollout turns back.",
  warm: "Its servers are still warm: one switch.",
  kept: "Its image is kept: new servers come first.",
  "image gone": "Its image is gone.",
};
