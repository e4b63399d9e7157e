import { useState } from "preact/hooks";
import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Icon } from "../parts/icon.tsx";
import { ServerBlocks } from "../parts/servers.tsx";
import { Ago } from "../parts/time.tsx";
import { useAnswer } from "../store.ts";
import { attentionWords, percent } from "../words.ts";
import { headline } from "./headline.ts";

type Overview = Answer<"overview">;
type Row = Overview["services"][number];

/** What is wrong, and what moves? */
export function NowView() {
  const [q, setQuery] = useState("");
  const held = useAnswer("overview", q === "" ? {} : { q });
  return (
    <section>
      <Answered held={held}>
        {(overview) => (
          <>
            <Headline overview={overview} />
            <Attention rows={overview.services.filter(({ attention }) => attention !== "steady")} />
            <Services overview={overview} q={q} onSearch={setQuery} />
          </>
        )}
      </Answered>
    </section>
  );
}

function Headline({ overview }: { readonly overview: Overview }) {
  const { tone, sentence, rest } = headline(overview);
  return (
    <header class={`headline ${tone}`}>
      <Icon name={tone} />
      <div>
        <h1>{sentence}</h1>
        {rest !== "" && <p class="quiet">{rest}</p>}
      </div>
    </header>
  );
}

/** More than so many are in the list below only. */
const mostCards = 6;

function Attention({ rows }: { readonly rows: readonly Row[] }) {
  if (rows.length === 0) return null;
  return (
    <ul class="cards" aria-label="Needs attention">
      {rows.slice(0, mostCards).map((row) => {
        const [tone, word] = attentionWords[row.attention];
        return (
          <li key={row.service} class={`card ${tone}`}>
            <Go to={{ view: "service", service: row.service }}>
              <Badge tone={tone} word={word} />
              <strong>{row.service}</strong>
              <span class="why">{row.why}</span>
            </Go>
          </li>
        );
      })}
    </ul>
  );
}

function Services({ overview, q, onSearch }: ServicesProps) {
  const { services, total } = overview;
  return (
    <>
      <div class="bar">
        <h2>Services</h2>
        <input
          type="search"
          placeholder="Find a service ( / )"
          aria-label="Find a service"
          value={q}
          onInput={(event) => onSearch(event.currentTarget.value)}
        />
      </div>
      {services.length === 0 ? (
        <p class="empty">
          {q === "" ? "No services yet: `kiln deploy` makes the first." : "No service has such a name."}
        </p>
      ) : (
        <table class="services">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Serves</th>
              <th scope="col">Servers</th>
              <th scope="col">Rollout</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {services.map((row) => (
              <ServiceRow key={row.service} row={row} />
            ))}
          </tbody>
        </table>
      )}
      {total > services.length && (
        <p class="quiet">
          These are {services.length} of {total}, those that need someone first. The search finds the others.
        </p>
      )}
    </>
  );
}

interface ServicesProps {
  readonly overview: Overview;
  readonly q: string;
  readonly onSearch: (q: string) => void;
}

function ServiceRow({ row }: { readonly row: Row }) {
  const { service, target, serving, rollout, servers, count, attention } = row;
  const [tone, word] = attentionWords[attention];
  return (
    <tr>
      <th scope="row">
        <Go to={{ view: "service", service }}>{service}</Go>
        {target !== "local" && <span class="quiet on">on {target}</span>}
      </th>
      <td data-label="Serves">
        {serving === undefined ? (
          <span class="quiet">nothing yet</span>
        ) : (
          <>
            <span>
              Release {serving.release} <span class="quiet">· {serving.version}</span>
            </span>
            <span class="sub">
              <Ago at={serving.sinceMs} /> by {serving.by}
            </span>
          </>
        )}
      </td>
      <td data-label="Servers">
        <ServerBlocks servers={servers} wanted={count} />
      </td>
      <td data-label="Rollout">
        {rollout === undefined ? (
          <span class="quiet">none</span>
        ) : (
          <Journey service={service} rollout={rollout} />
        )}
      </td>
      <td data-label="State">
        <Badge tone={tone} word={word} />
      </td>
    </tr>
  );
}

function Journey({
  service,
  rollout,
}: {
  readonly service: string;
  readonly rollout: NonNullable<Row["rollout"]>;
}) {
  const { id, to, step, steps, share, by } = rollout;
  return (
    <>
      <Go to={{ view: "rollout", service, rollout: id }}>To release {to}</Go>
      <span class="sub">
        step {step} of {steps}, {percent(share).replace(" ", "\u00a0")}, by {by}
      </span>
    </>
  );
}
