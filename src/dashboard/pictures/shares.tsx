import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { Clock, clockTime } from "../parts/time.tsx";
import { percent } from "../words.ts";
import { areaPath, marksOf, sharePoints } from "./shares.ts";

const width = 1000;
const height = 200;

/** How the traffic moved from the old release to the new one, with what happened on the way. */
export function SharesPicture({ rollout, events }: SharesProps) {
  const points = sharePoints(rollout, events);
  const marks = marksOf(rollout, events);
  const begin = rollout.startedAtMs;
  const end = Math.max(rollout.endedAtMs ?? now.value, begin + 1_000);
  const x = (atMs: number) => Math.round(((atMs - begin) / (end - begin)) * width * 10) / 10;
  const y = (share: number) => Math.round((8 + (1 - share) * height) * 10) / 10;
  return (
    <figure class="picture">
      <figcaption>
        <span class="key newest">Release {rollout.to}</span>
        {rollout.from !== undefined && <span class="key older">Release {rollout.from}</span>}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height + 40}`}
        role="img"
        aria-label={`Share of release ${rollout.to} over time; the table below has the same`}
      >
        <rect
          class={rollout.from === undefined ? "nothing" : "older"}
          x="0"
          y={y(1)}
          width={width}
          height={height}
        />
        <path class="newest" d={areaPath(points, end, x, y)} />
        {points.slice(1).map(({ atMs, share }) => (
          <g key={atMs}>
            <line class="step" x1={x(atMs)} x2={x(atMs)} y1={y(1)} y2={y(0)} />
            <text
              class="axis on"
              x={Math.min(x(atMs) + 4, width - 40)}
              y={y(share) + (share > 0.5 ? 16 : -6)}
            >
              {percent(share)}
            </text>
          </g>
        ))}
        {marks.map(({ atMs, tone, words }) => (
          <circle
            key={`${atMs}${words}`}
            class={`mark ${tone}`}
            cx={Math.min(Math.max(x(atMs), 5), width - 5)}
            cy={y(0)}
            r="5"
          >
            <title>{words}</title>
          </circle>
        ))}
        <text class="axis" x="0" y={height + 36}>
          {clockTime(begin)}
        </text>
        <text class="axis" x={width} y={height + 36} text-anchor="end">
          {clockTime(end)}
        </text>
      </svg>
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Release {rollout.to} has</th>
            </tr>
          </thead>
          <tbody>
            {points.map(({ atMs, share }) => (
              <tr key={`${atMs}${share}`}>
                <td data-label="At">
                  <Clock at={atMs} />
                </td>
                <td data-label="Share">{percent(share)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

interface SharesProps {
  readonly rollout: Answer<"rollout">;
  readonly events: readonly Answer<"events">[];
}
