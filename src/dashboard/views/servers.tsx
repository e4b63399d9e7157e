import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
import { Ago } from "../parts/time.tsx";
import { stateTones } from "../words.ts";

type Status = Answer<"status">;

export function Servers({
  service,
  servers,
}: {
  readonly service: string;
  readonly servers: Status["servers"];
}) {
  if (servers.length === 0) return <p class="empty">There are no servers.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Server</th>
          <th scope="col">State</th>
          <th scope="col">Release</th>
          <th scope="col">Made</th>
          <th scope="col">Health</th>
        </tr>
      </thead>
      <tbody>
        {servers.map((server) => (
          <tr key={server.id}>
            <th scope="row">
              <Go to={{ view: "server", service, server: server.id }}>
                <code>{server.id}</code>
              </Go>
              {server.address !== undefined && <span class="sub">{server.address}</span>}
            </th>
            <td data-label="State">
              <Badge tone={stateTones[server.state]} word={server.state} />
              {server.taint !== undefined && (
                <span class="sub drift">
                  {server.taint.finding.detail}
                  {server.taint.finding.who !== undefined && ` (${server.taint.finding.who})`}
                </span>
              )}
            </td>
            <td data-label="Release">{server.release}</td>
            <td data-label="Made">
              <Ago at={server.createdAtMs} />
            </td>
            <td data-label="Health" class="quiet">
              {server.health ?? "not checked yet"}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
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
