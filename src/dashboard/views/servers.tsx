import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { stateTones } from "../words.ts";

type Status = Answer<"status">;

export function Servers({ service, servers }: ServersProps) {
  if (servers.length === 0) return <p class="empty">There are no servers.</p>;
  return (
    <Table
      rows={servers}
      keyOf={({ id }) => id}
      columns={[
        {
          name: "Server",
          cell: ({ id, address }) => (
            <>
              <Go to={{ view: "server", service, server: id }}>
                <code>{id}</code>
              </Go>
              {address !== undefined && <span class="sub">{address}</span>}
            </>
          ),
        },
        {
          name: "State",
          cell: ({ state, taint }) => (
            <>
              <Badge tone={stateTones[state]} word={state} />
              {taint !== undefined && (
                <span class="sub drift">
                  {taint.finding.detail}
                  {taint.finding.who !== undefined && ` (${taint.finding.who})`}
                </span>
              )}
            </>
          ),
        },
        { name: "Release", cell: ({ release }) => release },
        { name: "Made", cell: ({ createdAtMs }) => <Ago at={createdAtMs} /> },
        { name: "Health", quiet: true, cell: ({ health }) => health ?? "not checked yet" },
      ]}
    />
  );
}

interface ServersProps {
  readonly service: string;
  readonly servers: Status["servers"];
}

/** So many of the newest are shown. */
const mostFailures = 3;

export function Failures({ failures }: { readonly failures: Status["failures"] }) {
  if (failures.length === 0) return null;
  return (
    <>
      <h2>Servers that failed</h2>
      {failures
        .slice(-mostFailures)
        .toReversed()
        .map((failure) => (
          <details key={`${failure.id}${failure.atMs}`} class="failure">
            <summary>
              <code>{failure.id}</code> {failure.reason}{" "}
              <span class="quiet">
                <Ago at={failure.atMs} />
              </span>
            </summary>
            <pre class="log">{[...failure.probes, ...failure.logTail].join("\n") || "It wrote nothing."}</pre>
          </details>
        ))}
    </>
  );
}
