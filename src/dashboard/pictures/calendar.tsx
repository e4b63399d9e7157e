import type { Answer } from "../../api/contract/types.ts";
import { Table } from "../parts/table.tsx";
import { Moment } from "../parts/time.tsx";
import { at, length } from "./axis.ts";
import { kindOf, linesOf, wordsOf } from "./calendar-lines.ts";
import { Rows } from "./rows.tsx";

/** A day may have its name every second day. */
const ticks = 7;

/** When rollouts may begin, in the viewer's time; what is equal for several services is one line. */
export function CalendarPicture({ calendar }: { readonly calendar: Answer<"calendar"> }) {
  const lines = linesOf(calendar);
  const [first] = lines;
  if (first === undefined) return <p class="empty">There are no services.</p>;
  const axis = { fromMs: first.stretches[0]?.fromMs ?? 0, untilMs: first.stretches.at(-1)?.untilMs ?? 0 };
  return (
    <figure class="picture rows calendar">
      <figcaption>
        <span class="key open">rollouts may begin</span>
        <span class="key window">outside of windows</span>
        <span class="key freeze">frozen</span>
      </figcaption>
      <Rows axis={axis} ticks={ticks} things={lines} nameOf={({ name }) => name}>
        {({ stretches }) =>
          stretches.map(({ fromMs, untilMs, shut }) => (
            <rect
              key={fromMs}
              class={kindOf(shut)}
              x={at(axis, fromMs)}
              width={length(axis, fromMs, untilMs)}
              y="6"
              height="16"
              shape-rendering="crispEdges"
            >
              <title>{wordsOf(shut)}</title>
            </rect>
          ))
        }
      </Rows>
      <details>
        <summary>As a table</summary>
        <Table
          rows={lines.flatMap(({ name, stretches }) => stretches.map((stretch) => ({ name, ...stretch })))}
          columns={[
            { name: "Where", cell: ({ name }) => <span class="name">{name}</span> },
            { name: "From", cell: ({ fromMs }) => <Moment at={fromMs} /> },
            { name: "Until", cell: ({ untilMs }) => <Moment at={untilMs} /> },
            { name: "What", cell: ({ shut }) => wordsOf(shut) },
          ]}
          keyOf={({ name, fromMs }) => `${name} ${fromMs}`}
        />
      </details>
    </figure>
  );
}
