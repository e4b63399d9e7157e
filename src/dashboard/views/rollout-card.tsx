import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
import { Ago } from "../parts/time.tsx";
import { StepRail } from "../pictures/steps.tsx";
import { wishFor } from "../plan/change.ts";
import { phaseWords } from "../words.ts";

type Rollout = Answer<"rollout">;

/** A rollout that runs: where it is, and what can be done with it. */
export function RolloutCard({ rollout }: { readonly rollout: Rollout }) {
  const { id, service, from, to, phase, startedBy, startedAtMs, reason } = rollout;
  const [tone, word] = phaseWords[phase];
  return (
    <div class={`panel ${tone}`}>
      <div class="bar">
        <h2>
          <Go to={{ view: "rollout", service, rollout: id }}>Rollout {id}</Go> to release {to}
        </h2>
        <Badge tone={tone} word={word} />
      </div>
      <p class="quiet">
        {from === undefined ? "The first release" : `From release ${from}`}, <Ago at={startedAtMs} /> by{" "}
        {startedBy}
      </p>
      {reason !== undefined && <p>{reason}</p>}
      {rollout.verdict !== undefined && (
        <p>
          Analysis: {rollout.verdict.outcome}. <span class="quiet">{rollout.verdict.reason}</span>
        </p>
      )}
      <StepRail rollout={rollout} />
      <Steering rollout={rollout} />
    </div>
  );
}

/** What can be done with a running rollout; each shows its plan first. */
export function Steering({ rollout }: { readonly rollout: Rollout }) {
  const { service, phase, endedAtMs } = rollout;
  if (endedAtMs !== undefined) return null;
  return (
    <div class="buttons start">
      {phase !== "back" && (
        <button type="button" class="danger" onClick={() => wishFor(service, { kind: "abort" })}>
          Abort…
        </button>
      )}
      {phase === "paused" ? (
        <button type="button" onClick={() => wishFor(service, { kind: "resume" })}>
          Resume…
        </button>
      ) : (
        phase === "forward" && (
          <button type="button" onClick={() => wishFor(service, { kind: "pause" })}>
            Pause…
          </button>
        )
      )}
      {phase !== "back" && (
        <button type="button" onClick={() => wishFor(service, { kind: "promote" })}>
          Promote…
        </button>
      )}
    </div>
  );
}
