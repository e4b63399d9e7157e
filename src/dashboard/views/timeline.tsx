import { useState } from "preact/hooks";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { useAnswer } from "../store.ts";
import { type Filter, filters, isDetail, withoutRepeats } from "./event-words.ts";
import { Events } from "./events.tsx";

/** So many of the newest entries are looked at. */
const newest = 1_000;
const filterNames = Object.keys(filters) as Filter[];

/** Who did what, and when? */
export function TimelineView({ service }: { readonly service: string | undefined }) {
  const [filter, setFilter] = useState<Filter>("everything");
  const [details, setDetails] = useState(false);
  const [q, setQuery] = useState("");
  const held = useAnswer("events", { newest, ...(service === undefined ? {} : { service }) });
  const audit = useAnswer("audit", {});
  return (
    <section>
      <header class="plain">
        <h1>Timeline{service !== undefined && ` of ${service}`}</h1>
        <p class="quiet">
          {audit.value !== undefined && chainWords(audit.value)}
          {service !== undefined && (
            <>
              {" "}
              <Go to={{ view: "timeline", service: undefined }}>All services</Go>
            </>
          )}
        </p>
      </header>
      <div class="bar filters">
        <fieldset>
          <legend class="unseen">Show</legend>
          {filterNames.map((name) => (
            <label key={name} class="chip">
              <input type="radio" name="filter" checked={filter === name} onChange={() => setFilter(name)} />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
        <label class="check">
          <input
            type="checkbox"
            checked={details}
            onChange={(event) => setDetails(event.currentTarget.checked)}
          />
          the controller's steps
        </label>
        <input
          type="search"
          aria-label="Find in the log"
          placeholder="Find ( / )"
          value={q}
          onInput={(event) => setQuery(event.currentTarget.value)}
        />
      </div>
      <h2 class="unseen">Entries</h2>
      <Answered held={held}>
        {(events) => (
          <Events
            withService={service === undefined}
            events={(details ? events : withoutRepeats(events))
              .filter((event) => filters[filter](event) && (details || !isDetail(event)))
              .filter(({ message, kind, service: of }) =>
                `${message} ${kind} ${of}`.toLowerCase().includes(q.toLowerCase()),
              )
              .toReversed()
              .slice(0, 300)}
          />
        )}
      </Answered>
    </section>
  );
}

function chainWords({
  entries,
  checkpoint,
  troubles,
}: {
  entries: number;
  checkpoint?: { sequence: number } | undefined;
  troubles: readonly { message: string }[];
}): string {
  const [trouble] = troubles;
  if (trouble !== undefined) return trouble.message;
  const signed = checkpoint === undefined ? "none signed yet" : `signed up to ${checkpoint.sequence}`;
  return `${entries.toLocaleString()} entries, chained; ${signed}.`;
}
