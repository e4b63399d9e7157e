import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { Go } from "../navigation.tsx";
import { Answered, FaultNote } from "../parts/answer.tsx";
import { Badge } from "../parts/badge.tsx";
import { Crumbs } from "../parts/crumbs.tsx";
import { Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { LifelinesPicture } from "../pictures/lifelines.tsx";
import { useAnswer } from "../store.ts";
import { stateTones } from "../words.ts";
import { Events } from "./events.tsx";

type ServerStatus = Answer<"status">["servers"][number];

/** What happened to it? */
export function ServerView({ service, server }: { readonly service: string; readonly server: string }) {
  const status = useAnswer("status", { service });
  const log = useAnswer("events", { server, newest: 500 });
  const here = status.value?.servers.find(({ id }) => id === server);
  const [first] = log.value ?? [];
  return (
    <section>
      <Crumbs service={service}>{server}</Crumbs>
      <header class="serving">
        <div>
          <p class="eyebrow">{service}</p>
          <h1 class="id">{server}</h1>
          {here === undefined ? (
            <p class="quiet">{status.value === undefined ? "" : "It is gone; the log still has its life."}</p>
          ) : (
            <ServerFacts server={here} />
          )}
        </div>
      </header>
      {status.fault !== undefined && <FaultNote fault={status.fault} />}
      {here?.taint !== undefined && <Taint service={service} taint={here.taint} />}
      {here?.taint?.evidence !== undefined && <Evidence server={server} />}
      {first !== undefined && (
        <>
          <h2>Its life</h2>
          <LifelinesPicture
            events={log.value ?? []}
            fromMs={first.atMs}
            untilMs={here === undefined ? endOf(log.value) : now.value}
          />
        </>
      )}
      {here !== undefined && <Log service={service} server={server} />}
      <h2>What happened</h2>
      <Answered held={log}>
        {(events) => (
          <Events events={events.filter(({ kind }) => !kind.startsWith("action.")).toReversed()} />
        )}
      </Answered>
    </section>
  );
}

const endOf = (events: readonly Answer<"events">[] = []) => events.at(-1)?.atMs ?? 0;

function ServerFacts({ server }: { readonly server: ServerStatus }) {
  const { state, release, version, createdAtMs, address, health, takesPlaceOf, inTraffic } = server;
  return (
    <>
      <Badge tone={stateTones[state]} word={state} />
      <dl class="facts">
        <dt>Release</dt>
        <dd>
          {release} · {version}
        </dd>
        <dt>Made</dt>
        <dd>
          <Ago at={createdAtMs} />
          {takesPlaceOf !== undefined && ` in place of ${takesPlaceOf}`}
        </dd>
        <dt>Traffic</dt>
        <dd>{inTraffic ? "yes" : "no"}</dd>
        {address !== undefined && (
          <>
            <dt>Address</dt>
            <dd>
              <code>{address}</code>
            </dd>
          </>
        )}
        {health !== undefined && (
          <>
            <dt>Health</dt>
            <dd>{health}</dd>
          </>
        )}
      </dl>
    </>
  );
}

function Taint({
  service,
  taint,
}: {
  readonly service: string;
  readonly taint: NonNullable<ServerStatus["taint"]>;
}) {
  const { finding, takenAtMs, replacedBy, held } = taint;
  return (
    <div class="note drift">
      <Badge tone="drift" word="It is not what its release says" />
      <p>
        <strong>{finding.detail}</strong>
      </p>
      <p>
        {finding.who === undefined ? "Who did it is not known" : `By ${finding.who}`}; seen by{" "}
        {finding.seenBy} <Ago at={finding.atMs} />.{" "}
        {takenAtMs === undefined ? "It has not been taken out yet." : "It is out of traffic."}
        {held && " Someone is in it."}
      </p>
      {replacedBy !== undefined && (
        <p>
          Its successor is{" "}
          <Go to={{ view: "server", service, server: replacedBy }}>
            <code>{replacedBy}</code>
          </Go>
          .
        </p>
      )}
    </div>
  );
}

function Evidence({ server }: { readonly server: string }) {
  const held = useAnswer("evidenceOf", { server });
  return (
    <>
      <h2>Evidence</h2>
      <Answered held={held}>
        {({ processes, mounts, log, digest, bytes, taint }) => (
          <>
            <p class="quiet">
              {bytes.toLocaleString()} bytes, <code>{digest}</code>.{" "}
              <code>kiln evidence export {server}</code> writes the archive.
            </p>
            <Table
              rows={processes}
              keyOf={({ pid }) => pid}
              columns={[
                { name: "Process", cell: ({ pid }) => pid },
                { name: "Command", cell: ({ argv, name }) => <code>{argv.join(" ") || name}</code> },
                { name: "User", cell: ({ uid }) => uid },
                {
                  name: "Remark",
                  cell: ({ pid, own }) =>
                    taint.subject === `pid ${pid}` ? (
                      <Badge tone="drift" word="does not belong here" />
                    ) : (
                      <span class="quiet">{own ? "in its cgroup" : "outside of its cgroup"}</span>
                    ),
                },
              ]}
            />
            <details class="failure">
              <summary>Mounts and last lines</summary>
              <pre class="log">{[...mounts, "", ...log].join("\n")}</pre>
            </details>
          </>
        )}
      </Answered>
    </>
  );
}

/** So many of the last lines. */
const tail = 200;

function Log({ service, server }: { readonly service: string; readonly server: string }) {
  const held = useAnswer("logs", { server, tail });
  return (
    <>
      <div class="bar">
        <h2>Log</h2>
        <Go to={{ view: "logs", service, server }}>Follow it</Go>
      </div>
      <Answered held={held}>
        {(lines) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
          <pre class="log" tabIndex={0}>
            {lines
              .map(({ atMs, text }) => `${new Date(atMs).toISOString().slice(11, 23)}  ${text}\n`)
              .join("") || "It wrote nothing."}
          </pre>
        )}
      </Answered>
    </>
  );
}
