import type { Answer } from "../../api/contract/types.ts";
import { Table } from "../parts/table.tsx";
import { duration } from "../words.ts";
import { at, length } from "./axis.ts";
import { type Lifeline, lifelinesOf } from "./lifelines.ts";
import { Rows } from "./rows.tsx";

/** One bar for each server, from its start to its end: where the bars overlap, no request had to wait. */
export function LifelinesPicture({ events, fromMs, untilMs }: LifelinesProps) {
  const lines = lifelinesOf(events, fromMs);
  if (lines.length === 0) return null;
  const axis = { fromMs, untilMs: Math.max(untilMs, fromMs + 1_000) };
  return (
    <figure class="picture rows lifelines">
      <figcaption>
        <span class="key starting">starting</span>
        <span class="key ready">ready</span>
        <span class="key draining">draining</span>
        <span class="key quarantined">in quarantine</span>
      </figcaption>
      <Rows axis={axis} things={lines} nameOf={({ server }) => server} isId>
        {({ spans }) =>
          spans.map(({ state, fromMs: begin, toMs = axis.untilMs }) => (
            <rect
              key={`${state}${begin}`}
              class={state}
              x={at(axis, begin)}
              width={length(axis, begin, toMs)}
              y="7"
              height="14"
            />
          ))
        }
      </Rows>
      <LivesTable lines={lines} end={axis.untilMs} />
    </figure>
  );
}

interface LifelinesProps {
  readonly events: readonly Answer<"events">[];
  readonly fromMs: number;
  readonly untilMs: number;
}

function LivesTable({ lines, end }: { readonly lines: readonly Lifeline[]; readonly end: number }) {
  const lifeOf = ({ spans }: Lifeline) =>
    spans.map(({ state, fromMs, toMs }) => `${state} ${duration((toMs ?? end) - fromMs)}`).join(", ");
  return (
    <details>
      <summary>As a table</summary>
      <Table
        rows={lines}
        columns={[
          { name: "Server", cell: ({ server }) => <code>{server}</code> },
          { name: "Release", cell: ({ release }) => release },
          { name: "Life", cell: lifeOf },
        ]}
        keyOf={({ server }) => server}
      />
    </details>
  );
}
