import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { Answered } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Crumbs } from "../parts/crumbs.tsx";
import { Ago } from "../parts/time.tsx";
import { LifelinesPicture } from "../pictures/lifelines.tsx";
import { SharesPicture } from "../pictures/shares.tsx";
import { StepRail } from "../pictures/steps.tsx";
import { useAnswer } from "../store.ts";
import { duration, phaseWords, sentence } from "../words.ts";
import { withoutRepeats } from "./event-words.ts";
import { Events } from "./events.tsx";
import { Steering } from "./rollout-card.tsx";

type Rollout = Answer<"rollout">;

/** Servers of a rollout drain after its end; so long is looked at. */
const afterMs = 60_000;

/** Where is it, and does the new release do worse? */
export function RolloutView({ service, id }: { readonly service: string; readonly id: number }) {
  const held = useAnswer("rollout", { id });
  return (
    <section>
      <Crumbs service={service}>rollout {id}</Crumbs>
      <Answered held={held}>{(rollout) => <OneRollout rollout={rollout} />}</Answered>
    </section>
  );
}

function OneRollout({ rollout }: { readonly rollout: Rollout }) {
  const { id, service, kind, from, to, phase, startedAtMs, startedBy, endedAtMs, reason, changes } = rollout;
  const [tone, word] = phaseWords[phase];
  const log = useAnswer("events", { service, newest: 5_000 });
  const untilMs = Math.min(now.value, (endedAtMs ?? now.value) + afterMs);
  const lives = (log.value ?? []).filter(({ atMs }) => atMs <= untilMs);
  const events = lives.filter(({ atMs }) => atMs >= startedAtMs);
  return (
    <>
      <header class="serving">
        <div>
          <p class="eyebrow">{service}</p>
          <h1>
            {kind === "rollback" ? "Rollback" : "Rollout"} {id} to release {to}
          </h1>
          <p class="quiet">
            {from === undefined ? "The first release" : `From release ${from}`}, begun{" "}
            <Ago at={startedAtMs} /> by {startedBy}
            {endedAtMs !== undefined && `; it took ${duration(endedAtMs - startedAtMs)}`}
          </p>
        </div>
        <div class="ways">
          <Badge tone={tone} word={word} />
          <Steering rollout={rollout} />
        </div>
      </header>
      {reason !== undefined && (
        <div class={`note ${tone}`}>
          <p>{sentence(reason)}</p>
        </div>
      )}
      {rollout.verdict !== undefined && (
        <p>
          Analysis: <strong>{rollout.verdict.outcome}</strong>: {rollout.verdict.reason}
        </p>
      )}
      <h2>Steps</h2>
      <StepRail rollout={rollout} />
      {log.value !== undefined && (
        <>
          <h2>Traffic over time</h2>
          <SharesPicture rollout={rollout} events={events} />
          <h2>Servers over time</h2>
          <LifelinesPicture events={lives} fromMs={startedAtMs} untilMs={untilMs} />
        </>
      )}
      {changes.length > 0 && (
        <>
          <h2>What changes</h2>
          <ul class="changes">
            {changes.map((change) => (
              <li key={change}>{change}</li>
            ))}
          </ul>
        </>
      )}
      <Jobs jobs={rollout.jobs} />
      <h2>What happened</h2>
      <Answered held={log}>
        {() => (
          <Events
            events={withoutRepeats(
              events.filter(({ data, kind: of }) => data.rollout === id && of !== "rollout.progress"),
            ).toReversed()}
          />
        )}
      </Answered>
    </>
  );
}

function Jobs({ jobs }: { readonly jobs: Rollout["jobs"] }) {
  if (jobs.length === 0) return null;
  return (
    <>
      <h2>Jobs</h2>
      {jobs.map(({ name, when, end }) => (
        <details key={name} class="failure">
          <summary>
            <code>{name}</code> <span class="quiet">{when} the rollout:</span>{" "}
            {end === undefined ? "running" : end.reason}
          </summary>
          <pre class="log">{end?.logTail.join("\n") || "It wrote nothing."}</pre>
        </details>
      ))}
    </>
  );
}
