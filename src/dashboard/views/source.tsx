import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
import { Ago } from "../parts/time.tsx";
import { Words } from "../parts/words.tsx";
import { useAnswer } from "../store.ts";
import { plural, type Tone } from "../words.ts";

type Source = Answer<"source">;

/** The branch that the service follows; undefined where it follows none. */
export function useSource(service: string): Source | undefined {
  return useAnswer("sources", {}).value?.find((one) => one.service === service);
}

export function Following({ source }: { readonly source: Source }) {
  const { service, url, branch, path, hold, head, deployed, lookedAtMs, signed } = source;
  const [tone, word] = stateOf(source);
  return (
    <div class={`panel ${tone}`}>
      <div class="bar">
        <h2>Follows {branch}</h2>
        <Badge tone={tone} word={word} />
      </div>
      <p class="quiet">
        <code>{url}</code>
        {path !== "." && (
          <>
            , folder <code>{path}</code>
          </>
        )}
        {signed && ", signed commits only"}
      </p>
      {hold !== undefined && (
        <p>
          {hold.by} {hold.because} <Ago at={hold.sinceMs} />: nothing is deployed from it until{" "}
          <code>kiln source resume {service}</code>.
        </p>
      )}
      <Failing source={source} />
      <dl class="facts">
        {head !== undefined && (
          <>
            <dt>Last commit</dt>
            <dd>
              <code>{head.id.slice(0, 10)}</code> {head.subject}{" "}
              <span class="quiet">
                by {head.author}, <Ago at={head.committedAtMs} />
              </span>
            </dd>
          </>
        )}
        {deployed !== undefined && (
          <>
            <dt>Deployed</dt>
            <dd>
              <code>{deployed.commit.slice(0, 10)}</code> as release {deployed.release}
              {deployed.rollout !== undefined && (
                <>
                  ,{" "}
                  <Go to={{ view: "rollout", service, rollout: deployed.rollout }}>
                    rollout {deployed.rollout}
                  </Go>
                </>
              )}{" "}
              <span class="quiet">
                <Ago at={deployed.atMs} />
              </span>
            </dd>
          </>
        )}
        <dt>Looked</dt>
        <dd>{lookedAtMs === undefined ? "not yet" : <Ago at={lookedAtMs} />}</dd>
      </dl>
    </div>
  );
}

function stateOf({ hold, failing, looking }: Source): readonly [Tone, string] {
  if (hold !== undefined) return ["warn", "On hold"];
  if (failing !== undefined) return ["bad", "Last commit not deployed"];
  return looking ? ["moving", "Looking"] : ["good", "Up to date"];
}

/** Why the last commit is not deployed, with its places in the repository. */
function Failing({ source: { failing } }: { readonly source: Source }) {
  if (failing === undefined) return null;
  const { message, hint, problems, sinceMs, attempts } = failing;
  return (
    <>
      <p>
        <strong>{message}</strong>{" "}
        <span class="quiet">
          <Ago at={sinceMs} />, tried {plural(attempts, "time")}
        </span>
      </p>
      {problems.length > 0 && <pre class="log">{problems.join("\n")}</pre>}
      {hint !== undefined && (
        <p class="quiet">
          <Words text={hint} />
        </p>
      )}
    </>
  );
}
