import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { Table } from "../parts/table.tsx";
import { Clock, clockTime } from "../parts/time.tsx";
import { percent } from "../words.ts";
import { areaPath, marksOf, sharePoints } from "./shares.ts";

const width = 1000;
const height = 200;
/** A step that is too short for its label has none: the steps above and the table below say it. */
const labelWidth = 44;

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
        {points.slice(1).map(({ atMs, share }, n) => (
          <g key={atMs}>
            <line class="step" x1={x(atMs)} x2={x(atMs)} y1={y(1)} y2={y(0)} />
            {share > 0 && x(points[n + 2]?.atMs ?? Infinity) - x(atMs) >= labelWidth && (
              <text
                class="axis on"
                x={Math.min(x(atMs) + 4, width - labelWidth)}
                y={y(share) + (share > 0.5 ? 16 : -6)}
              >
                {percent(share)}
              </text>
            )}
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
        <Table
          rows={points}
          keyOf={({ atMs, share }) => `${atMs}${share}`}
          columns={[
            { name: "At", cell: ({ atMs }) => <Clock at={atMs} /> },
            { name: `Release ${rollout.to} has`, cell: ({ share }) => percent(share) },
          ]}
        />
      </details>
    </figure>
  );
}

interface SharesProps {
  readonly rollout: Answer<"rollout">;
  readonly events: readonly Answer<"events">[];
}
