import type { Answer } from "../../api/contract/types.ts";
import type { Fault } from "../store.ts";

type Releases = Answer<"history">["releases"];

/** The release that has the traffic at the end of a plan. */
export function releaseAtEnd({ actions }: Pick<Answer<"plan">, "actions">): number | undefined {
  return actions.flatMap((action) => (action.kind === "route" ? action.shares : [])).at(-1)?.release;
}

/** What the controller says of a rollback now: to which release, and what it would find there; or why there is none. */
export function wayBack(
  { plan, fault }: { readonly plan?: Answer<"plan">; readonly fault?: Fault },
  releases: Releases,
): { readonly release: number | undefined; readonly words: string } {
  const release = plan && releaseAtEnd(plan);
  if (release === undefined) return { release, words: fault?.message ?? "Asking…" };
  const state = releases.find(({ release: { number } }) => number === release)?.state;
  return {
    release,
    words:
      state === "warm"
        ? "Its servers are still warm: one switch."
        : "Its image is kept: new servers come first.",
  };
}
