import type { Answer } from "../../api/contract/types.ts";
import { grantFor, rolesWith } from "../../domain/access/access.ts";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { Words } from "../parts/words.tsx";
import { CalendarPicture } from "../pictures/calendar.tsx";
import { wishFor } from "../plan/change.ts";
import { useAnswer } from "../store.ts";
import { plural } from "../words.ts";

type Rung = Answer<"ladders">[number];

/** What is where, and what waits? */
export function PromotionView() {
  const held = useAnswer("ladders", {});
  const policies = useAnswer("policies", {});
  const calendar = useAnswer("calendar", {});
  return (
    <section>
      <header class="plain">
        <h1>Promotion</h1>
        <p class="quiet">One image climbs from environment to environment, from left to right.</p>
      </header>
      <Answered held={held}>
        {(rungs) =>
          rungs.length === 0 ? (
            <p class="empty">
              No service has a ladder with a candidate yet. `ladder: [staging, production]` in kiln.yaml makes
              one, and a deploy to its foot makes a candidate.
            </p>
          ) : (
            [...Map.groupBy(rungs, ({ ladder }) => ladder)].map(([service, of]) => (
              <LadderOf key={service} service={service} rungs={of} />
            ))
          )
        }
      </Answered>
      <h2>When rollouts may begin</h2>
      <Answered held={calendar}>{(found) => <CalendarPicture calendar={found} />}</Answered>
      <Answered held={policies}>{(found) => <Standing policies={found} />}</Answered>
    </section>
  );
}

function LadderOf({ service, rungs }: { readonly service: string; readonly rungs: readonly Rung[] }) {
  return (
    <>
      <h2>{service}</h2>
      <ol class="ladder">
        {rungs.map((rung) => (
          <RungCard key={rung.environment} rung={rung} />
        ))}
      </ol>
    </>
  );
}

function RungCard({ rung }: { readonly rung: Rung }) {
  const { environment, service, serving, rollout, newer } = rung;
  return (
    <li>
      <h3>
        {serving === undefined ? environment : <Go to={{ view: "service", service }}>{environment}</Go>}
      </h3>
      {serving === undefined ? (
        <p class="quiet">nothing yet</p>
      ) : (
        <>
          <p class="version">{serving.version}</p>
          <p class="quiet">
            release {serving.release} · <Ago at={serving.createdAtMs} /> by {serving.by}
          </p>
        </>
      )}
      <p class="quiet">{newerWords(newer)}</p>
      {rollout !== undefined && (
        <p>
          <Go to={{ view: "rollout", service, rollout }}>
            <Badge tone="moving" word={`Rollout ${rollout} is under way`} />
          </Go>
        </p>
      )}
      <Climb rung={rung} />
    </li>
  );
}

/** How many candidates are newer. */
function newerWords(newer: number | undefined): string {
  if (newer === undefined) return "";
  return newer === 0 ? "the newest candidate" : `${plural(newer, "newer candidate")}`;
}

/** The one button, or what keeps it from being pressed. */
function Climb({ rung: { service, environment, next, because, rollout } }: { readonly rung: Rung }) {
  const self = useAnswer("whoami", {}).value;
  if (next === undefined)
    return because === undefined || rollout !== undefined ? null : <p class="quiet">{because}</p>;
  const mayNot = self === undefined ? "" : whyNot(self, service);
  return (
    <div class="climb">
      <button
        type="button"
        disabled={mayNot !== undefined}
        onClick={() => wishFor(service, { kind: "promotion", candidate: next.candidate })}
      >
        Promote {next.version} to {environment}…
      </button>
      {mayNot !== undefined && <p class="quiet">{mayNot}</p>}
      {next.refused.map(({ place, because: found, remedy }) => (
        <div key={`${place}${found}`} class="against">
          <Badge tone="warn" word="Not now" />
          <p>{found}.</p>
          {remedy !== undefined && (
            <p class="quiet">
              <Words text={remedy} />
            </p>
          )}
        </div>
      ))}
    </div>
  );
}

/** As the controller decides: by the grants of who asks. */
function whyNot({ kind, grants }: Answer<"whoami">, service: string): string | undefined {
  if (kind === "local" || grantFor(grants, "deploy", service) !== undefined) return undefined;
  return `This needs the role ${rolesWith("deploy").join(" or ")} of ${service}.`;
}

/** Freezes that hold, and rollouts that someone still has to look at. */
function Standing({ policies: { freezes, overrides, file } }: { readonly policies: Answer<"policies"> }) {
  const unreviewed = overrides.filter(({ review }) => review === undefined);
  return (
    <>
      {unreviewed.length > 0 && (
        <>
          <h2>Begun against policies, and not looked at yet</h2>
          <ul class="cards">
            {unreviewed.map(({ rollout, service, by, reason, atMs }) => (
              <li key={rollout} class="card warn">
                <Go to={{ view: "rollout", service, rollout }}>
                  <Badge tone="warn" word={`Rollout ${rollout}`} />
                  <strong>{service}</strong>
                  <span class="why">
                    {by}: {reason}
                  </span>
                  <span class="quiet">
                    <Ago at={atMs} /> · <code>kiln review {rollout}</code>
                  </span>
                </Go>
              </li>
            ))}
          </ul>
        </>
      )}
      <h2>Freezes</h2>
      {freezes.length === 0 ? (
        <p class="empty">Nothing is frozen.</p>
      ) : (
        <Table rows={freezes} columns={freezeColumns} keyOf={({ id }) => id} />
      )}
      {file !== undefined && (
        <p class="quiet after">
          Policies: <code>{file.name}</code>, set <Ago at={file.setAtMs} /> by {file.setBy}.
        </p>
      )}
    </>
  );
}

type Freeze = Answer<"policies">["freezes"][number];

const freezeColumns = [
  {
    name: "What",
    cell: ({ id, environment, service }: Freeze) => (
      <>
        <span class="name">{service ?? environment ?? "the whole installation"}</span>
        <span class="sub">freeze {id}</span>
      </>
    ),
  },
  { name: "Why", cell: ({ reason }: Freeze) => reason },
  {
    name: "Since",
    cell: ({ fromMs, by }: Freeze) => (
      <>
        <Ago at={fromMs} /> <span class="sub">by {by}</span>
      </>
    ),
  },
  {
    name: "Until",
    cell: ({ untilMs }: Freeze) => (untilMs === undefined ? "someone lifts it" : <Ago at={untilMs} />),
  },
] as const;
