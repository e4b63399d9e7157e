import type { Answer } from "../../api/contract/types.ts";
import { clockTime } from "../parts/time.tsx";
import { duration } from "../words.ts";
import { type Lifeline, lifelinesOf } from "./lifelines.ts";

const width = 1000;
const rowHeight = 22;
const labelWidth = 190;

/** One bar for each server, from its start to its end: where the bars overlap, no request had to wait. */
export function LifelinesPicture({ events, fromMs, untilMs }: LifelinesProps) {
  const lines = lifelinesOf(events, fromMs);
  if (lines.length === 0) return null;
  const end = Math.max(untilMs, fromMs + 1_000);
  const x = (atMs: number) =>
    labelWidth + (Math.min(Math.max(atMs - fromMs, 0), end - fromMs) / (end - fromMs)) * (width - labelWidth);
  const bottom = lines.length * rowHeight;
  return (
    <figure class="picture lifelines">
      <figcaption>
        <span class="key starting">starting</span>
        <span class="key ready">ready</span>
        <span class="key draining">draining</span>
        <span class="key quarantined">in quarantine</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${bottom + 22}`}
        role="img"
        aria-label="Lives of the servers; the table below has the same"
      >
        {lines.map(({ server, spans }, row) => (
          <g key={server}>
            <text class="axis id" x="0" y={row * rowHeight + 15}>
              {server}
            </text>
            {spans.map(({ state, fromMs: begin, toMs }) => (
              <rect
                key={`${state}${begin}`}
                class={state}
                x={x(begin)}
                width={Math.max(1.5, x(toMs ?? end) - x(begin))}
                y={row * rowHeight + 4}
                height={rowHeight - 8}
              />
            ))}
          </g>
        ))}
        <text class="axis" x={labelWidth} y={bottom + 16}>
          {clockTime(fromMs)}
        </text>
        <text class="axis" x={width} y={bottom + 16} text-anchor="end">
          {clockTime(end)}
        </text>
      </svg>
      <LivesTable lines={lines} end={end} />
    </figure>
  );
}

interface LifelinesProps {
  readonly events: readonly Answer<"events">[];
  readonly fromMs: number;
  readonly untilMs: number;
}

function LivesTable({ lines, end }: { readonly lines: readonly Lifeline[]; readonly end: number }) {
  return (
    <details>
      <summary>As a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Server</th>
            <th scope="col">Release</th>
            <th scope="col">Life</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ server, release, spans }) => (
            <tr key={server}>
              <th scope="row">
                <code>{server}</code>
              </th>
              <td data-label="Release">{release}</td>
              <td data-label="Life">
                {spans
                  .map(({ state, fromMs, toMs }) => `${state} ${duration((toMs ?? end) - fromMs)}`)
                  .join(", ")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
