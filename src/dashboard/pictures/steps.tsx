import type { Answer } from "../../api/contract/types.ts";
import { duration, percent } from "../words.ts";

type Rollout = Pick<Answer<"rollout">, "steps" | "step" | "phase">;

/** The steps of a rollout in their order: done, the present one, those to come. */
export function StepRail({ rollout }: { readonly rollout: Rollout }) {
  const { steps, step, phase } = rollout;
  const here = phase === "rolled-back" || phase === "failed" ? "failed" : "present";
  return (
    <ol class="rail" aria-label="Steps">
      {steps.map(({ share, holdMs, analysis }, n) => {
        const state = phase === "complete" || n < step ? "done" : n === step ? here : "to-come";
        return (
          <li key={n} class={state} aria-current={n === step && phase !== "complete" ? "step" : undefined}>
            <span class="share">{percent(share)}</span>
            <span class="quiet">
              {holdMs > 0 ? `hold ${duration(holdMs)}` : "no hold"}
              {analysis !== undefined && ", analysis"}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
