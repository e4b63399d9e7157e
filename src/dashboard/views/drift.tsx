import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { trailsOf } from "../pictures/drift-trails.ts";
import { DriftTrailsPicture } from "../pictures/drift-trails.tsx";
import { useAnswer } from "../store.ts";
import { plural } from "../words.ts";
import { isDetail, toneOf } from "./event-words.ts";
import { Events } from "./events.tsx";

type Found = Answer<"drift">;

/** Older ones are in the entries below the picture. */
const mostTrails = 12;

/** Is someone in my servers? */
export function DriftView() {
  const drift = useAnswer("drift", {});
  const evidence = useAnswer("evidence", {});
  const log = useAnswer("events", { newest: 2_000 });
  return (
    <section>
      <Answered held={drift}>
        {(found) => (
          <>
            <header class={`headline ${found.length === 0 ? "good" : "drift"}`}>
              <Badge tone={found.length === 0 ? "good" : "drift"} word="" />
              <div>
                <h1>
                  {found.length === 0
                    ? "Every server is what its release says"
                    : `${plural(new Set(found.map(({ server }) => server)).size, "server")} differ from their release`}
                </h1>
                <p class="quiet">
                  A changed server is taken out, kept as evidence where that is possible, and replaced.
                </p>
              </div>
            </header>
            <Findings found={found} />
          </>
        )}
      </Answered>
      <Answered held={evidence}>
        {(kept) => (
          <>
            <h2>Evidence</h2>
            {kept.length === 0 ? (
              <p class="empty">No server is in quarantine.</p>
            ) : (
              <ul class="cards">
                {kept.map(({ server, taint, atMs }) => (
                  <li key={server} class="card drift">
                    <Go to={{ view: "server", service: serviceOf(log.value, server), server }}>
                      <Badge tone="drift" word="Kept as evidence" />
                      <strong>
                        <code>{server}</code>
                      </strong>
                      <span class="why">{taint.detail}</span>
                      <span class="quiet">
                        <Ago at={atMs} />
                      </span>
                    </Go>
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Answered>
      <h2>What happened</h2>
      <Answered held={log}>
        {(events) => (
          <>
            <DriftTrailsPicture trails={trailsOf(events).slice(0, mostTrails)} nowMs={now.value} />
            <Events
              withService
              events={events.filter((e) => toneOf(e.kind) === "drift" && !isDetail(e)).toReversed()}
            />
          </>
        )}
      </Answered>
    </section>
  );
}

/** The log says which service a server belongs to; its name does not. */
function serviceOf(events: readonly Answer<"events">[] = [], server: string): string {
  return events.findLast(({ data }) => data.server === server)?.service ?? "";
}

function Findings({ found }: { readonly found: Found }) {
  if (found.length === 0) return null;
  return (
    <Table
      rows={found}
      keyOf={({ server, kind, subject }) => `${server}${kind}${subject}`}
      columns={[
        {
          name: "Server",
          cell: ({ server, service }) => (
            <>
              <Go to={{ view: "server", service, server }}>
                <code>{server}</code>
              </Go>
              <span class="sub">{service}</span>
            </>
          ),
        },
        {
          name: "What",
          cell: ({ detail, kind, subject }) => (
            <>
              {detail}{" "}
              <span class="sub">
                {kind}: {subject}
              </span>
            </>
          ),
        },
        { name: "Who", cell: ({ who }) => who ?? <span class="quiet">not known</span> },
        {
          name: "Seen",
          cell: ({ atMs, seenBy }) => (
            <>
              <Ago at={atMs} /> <span class="sub">by {seenBy}</span>
            </>
          ),
        },
        { name: "Answer", cell: ({ response }) => response ?? "none yet" },
      ]}
    />
  );
}
