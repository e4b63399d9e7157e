import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { Crumbs } from "../parts/crumbs.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { useAnswer } from "../store.ts";
import { counted, figureValue } from "./figure-words.ts";

type ServiceFigures = Answer<"figures">[number];
type Figure = ServiceFigures["figures"][number];

/** Do we get better? All services side by side, or one with how each figure is computed. */
export function FiguresView({ service }: { readonly service: string | undefined }) {
  const held = useAnswer("figures", {});
  return (
    <section>
      {service !== undefined && <Crumbs service={service}>figures</Crumbs>}
      <header class="plain">
        <h1>Figures{service !== undefined && ` of ${service}`}</h1>
        <p class="quiet">
          The last 90 days, computed from the signed event log. Fewer than five of anything is not enough to
          say.
        </p>
      </header>
      <Answered held={held}>
        {(services) => {
          const one = services.find((each) => each.service === service);
          if (one !== undefined) return <OfService figures={one.figures} />;
          if (service !== undefined) return <p class="empty">There is no service {service}.</p>;
          if (services.length === 0) return <p class="empty">There are no services.</p>;
          return <Table rows={services} columns={columns} keyOf={(row) => row.service} />;
        }}
      </Answered>
    </section>
  );
}

/** What is seen side by side: DORA's five, and whether the service was there, and was left alone. */
const side: readonly (readonly [Figure["name"], string])[] = [
  ["deployment-frequency", "Deployments"],
  ["lead-time", "Lead time"],
  ["fail-rate", "Failed"],
  ["rework-rate", "Rework"],
  ["recovery-time", "Recovery"],
  ["uptime-requests", "Uptime"],
  ["drift", "Drift"],
  ["changes-by-hand", "By hand"],
];

const columns: readonly [Column<ServiceFigures>, ...Column<ServiceFigures>[]] = [
  {
    name: "Service",
    cell: ({ service }) => <Go to={{ view: "figures", service }}>{service}</Go>,
  },
  ...side.map(([name, title]) => ({
    name: title,
    cell: ({ figures }: ServiceFigures) => <Short figure={figures.find((each) => each.name === name)} />,
  })),
];

function Short({ figure }: { readonly figure: Figure | undefined }) {
  if (figure?.value !== undefined) return <span class="number">{figureValue(figure)}</span>;
  return (
    <span class="quiet">
      <span aria-hidden="true">–</span>
      <span class="unseen">not enough data</span>
    </span>
  );
}

function OfService({ figures }: { readonly figures: readonly Figure[] }) {
  return (
    <ul class="figures">
      {figures.map((figure) => (
        <li key={figure.name}>
          <h2>{figure.title}</h2>
          <p class={figure.value === undefined ? "value none" : "value"}>{figureValue(figure)}</p>
          <p class="quiet">
            {counted(figure.n, figure.of)}
            {figure.guessed && ", partly guessed"}
          </p>
          <details>
            <summary>How it is computed</summary>
            <p>{figure.definition}</p>
            {figure.notes.map((note) => (
              <p key={note}>{note}</p>
            ))}
            {figure.events.length > 0 && (
              <p class="quiet">From the entries {figure.events.slice(-12).join(", ")} of the log.</p>
            )}
          </details>
        </li>
      ))}
    </ul>
  );
}
