import { useEffect, useRef, useState } from "preact/hooks";
import type { Answer } from "../../api/contract/types.ts";
import { Answered } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Crumbs } from "../parts/crumbs.tsx";
import { ServerBlocks } from "../parts/servers.tsx";
import { Ago } from "../parts/time.tsx";
import { Words } from "../parts/words.tsx";
import { TrafficPicture } from "../pictures/traffic.tsx";
import { wishFor } from "../plan/change.ts";
import { ask, toFault, useAnswer } from "../store.ts";
import { serverNumbers, shortDigest } from "../words.ts";
import { Releases, Rollouts } from "./history.tsx";
import { notesOf } from "./notes.ts";
import { RolloutCard } from "./rollout-card.tsx";
import { ScaleForm } from "./scale-form.tsx";
import { Failures, Servers } from "./servers.tsx";
import { Following, useSource } from "./source.tsx";
import { type Found, isOpen, wayBack } from "./way-back.ts";

type Status = Answer<"status">;
type History = Answer<"history">;

/** What serves, is it well, and how do I go back? */
export function ServiceView({ service }: { readonly service: string }) {
  const status = useAnswer("status", { service });
  const history = useAnswer("history", { service });
  const traffic = useAnswer("traffic", { service });
  const source = useSource(service);
  return (
    <section>
      <Crumbs>{service}</Crumbs>
      <Answered held={status}>
        {(now) => (
          <>
            <Serving status={now} history={history.value} />
            <Notes status={now} source={source} />
            {now.rollout !== undefined && <RolloutCard rollout={now.rollout} />}
            {source !== undefined && <Following source={source} />}
            <h2>Traffic</h2>
            <Answered held={traffic}>
              {(spans) => (
                <TrafficPicture spans={spans} newest={now.rollout?.to ?? now.serving?.number ?? 0} />
              )}
            </Answered>
            <h2>Servers</h2>
            <Servers service={service} servers={now.servers} />
            <Failures failures={now.failures} />
          </>
        )}
      </Answered>
      <Answered held={history}>
        {(past) => (
          <>
            <Releases service={service} history={past} busy={status.value?.rollout !== undefined} />
            <Rollouts service={service} rollouts={past.rollouts} />
          </>
        )}
      </Answered>
    </section>
  );
}

function Serving({ status, history }: { readonly status: Status; readonly history: History | undefined }) {
  const { service, serving, target, count, shares, addresses } = status;
  const last = history?.rollouts.find(({ to, phase }) => to === serving?.number && phase === "complete");
  return (
    <header class="serving">
      <div>
        <p class="eyebrow">
          {service} {target.name !== "local" && <span>on {target.name}</span>}
        </p>
        <h1>{serving === undefined ? "Nothing serves yet" : `Release ${serving.number} serves`}</h1>
        {serving !== undefined && (
          <p class="quiet">
            Version {serving.version}, <Ago at={last?.endedAtMs ?? serving.createdAtMs} /> by{" "}
            {last?.startedBy ?? serving.createdBy}
          </p>
        )}
        <ServerBlocks servers={serverNumbers(status)} wanted={count} />
        <dl class="facts">
          {serving !== undefined && (
            <>
              <dt>Image</dt>
              <dd>
                <code title={serving.image}>{shortDigest(serving.image)}</code>
              </dd>
            </>
          )}
          {last?.origin?.commit !== undefined && (
            <>
              <dt>Commit</dt>
              <dd>
                <code>{last.origin.commit.slice(0, 12)}</code>
                {last.origin.dirty && " and changes"}
              </dd>
            </>
          )}
          {addresses.length > 0 && (
            <>
              <dt>Reached at</dt>
              <dd>{addresses.join(", ")}</dd>
            </>
          )}
          {shares.length > 1 && (
            <>
              <dt>Traffic</dt>
              <dd>
                {shares
                  .map(({ release, share }) => `release ${release}: ${Math.round(share * 100)} %`)
                  .join(", ")}
              </dd>
            </>
          )}
        </dl>
      </div>
      <Ways status={status} history={history} />
    </header>
  );
}

/** The ways on from here: back, and to another number of servers. */
function Ways({ status, history }: { readonly status: Status; readonly history: History | undefined }) {
  const { service, count, serving } = status;
  const plan = useRollbackPlan(service, status);
  if (history === undefined || serving === undefined) return null;
  const back = wayBack(plan, history.releases);
  return (
    <div class="ways">
      <button
        type="button"
        class="primary"
        disabled={back.release === undefined}
        aria-describedby="way-back"
        onClick={() =>
          back.release !== undefined && wishFor(service, { kind: "rollback", release: back.release })
        }
      >
        {back.release === undefined ? "Roll back" : `Roll back to ${back.release}`}
      </button>
      <p id="way-back" class="quiet">
        {back.words}
      </p>
      <ScaleForm service={service} count={count} />
    </div>
  );
}

/** The plan of a rollback, asked for again when another release serves, a rollout begins or ends, or no one could answer. */
function useRollbackPlan(service: string, status: Status): Found {
  const [found, setFound] = useState<Found>({});
  const asked = useRef<string>(undefined);
  const busy = useRef<string>(undefined);
  const when = `${status.serving?.number} ${status.rollout?.id}`;
  useEffect(() => {
    if (busy.current === when || !isOpen(found, asked.current, when)) return;
    asked.current = when;
    busy.current = when;
    const find = (next: Found) => {
      if (asked.current !== when) return;
      busy.current = undefined;
      setFound(next);
    };
    ask("plan", { service, change: { kind: "rollback" } }).then(
      (plan) => find({ plan }),
      (error) => find({ fault: toFault(error) }),
    );
  }, [status]); // Each status is news: the controller answers.
  return found;
}

interface NotesProps {
  readonly status: Status;
  readonly source: Answer<"source"> | undefined;
}

function Notes({ status, source }: NotesProps) {
  return (
    <>
      {notesOf(status, source).map(({ message, hint }) => (
        <div key={message} class="note warn">
          <Badge tone="warn" word={message} />
          {hint !== undefined && (
            <p>
              <Words text={hint} />
            </p>
          )}
        </div>
      ))}
    </>
  );
}
