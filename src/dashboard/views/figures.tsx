import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Answered } from "../parts/answer.tsx";
import { useAnswer } from "../store.ts";
import { counted, figureValue } from "./figure-words.ts";

type ServiceFigures = Answer<"figures">[number];

/** Do we get better? */
export function FiguresView() {
  const held = useAnswer("figures", {});
  return (
    <section>
      <header class="plain">
        <h1>Figures</h1>
        <p class="quiet">
          The last 90 days, computed from the signed event log. Fewer than five of anything is not enough to
          say.
        </p>
      </header>
      <Answered held={held}>
        {(services) =>
          services.length === 0 ? (
            <p class="empty">There are no services.</p>
          ) : (
            services.map((service) => <OfService key={service.service} figures={service} />)
          )
        }
      </Answered>
    </section>
  );
}

function OfService({ figures: { service, figures } }: { readonly figures: ServiceFigures }) {
  return (
    <>
      <h2>
        <Go to={{ view: "service", service }}>{service}</Go>
      </h2>
      <ul class="figures">
        {figures.map((figure) => (
          <li key={figure.name}>
            <h3>{figure.title}</h3>
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
    </>
  );
}
