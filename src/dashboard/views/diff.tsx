import { Answered } from "../parts/answer.tsx";
import { Crumbs } from "../parts/crumbs.tsx";
import { wishFor } from "../plan/change.ts";
import { useAnswer } from "../store.ts";

interface DiffProps {
  readonly service: string;
  readonly from: number;
  readonly to: number;
}

/** What is different? */
export function DiffView({ service, from, to }: DiffProps) {
  const held = useAnswer("diff", { service, from, to });
  const history = useAnswer("history", { service });
  const state = history.value?.releases.find(({ release }) => release.number === to)?.state;
  return (
    <section>
      <Crumbs service={service}>
        {from} against {to}
      </Crumbs>
      <header class="serving">
        <div>
          <p class="eyebrow">{service}</p>
          <h1>
            From release {from} to {to}
          </h1>
        </div>
        {(state === "kept" || state === "warm") && (
          <div class="ways">
            <button
              type="button"
              class="primary"
              onClick={() => wishFor(service, { kind: "rollback", release: to })}
            >
              Roll back to {to}
            </button>
          </div>
        )}
      </header>
      <Answered held={held}>
        {({ changes }) =>
          changes.length === 0 ? (
            <p class="empty">They are equal.</p>
          ) : (
            <ul class="changes">
              {changes.map((change) => (
                <li key={change}>{change}</li>
              ))}
            </ul>
          )
        }
      </Answered>
    </section>
  );
}
