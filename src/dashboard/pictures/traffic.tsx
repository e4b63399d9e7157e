import type { Answer } from "../../api/contract/types.ts";
import { now } from "../live.ts";
import { clockTime } from "../parts/time.tsx";
import { axisEnd, columnsOf } from "./traffic.ts";

const hourMs = 3_600_000;
const width = 1000;
const height = 160;
const errorsHeight = 36;

/** Requests by minute in the last hour, in the colours of their releases, and the failed ones above them. */
export function TrafficPicture({
  spans,
  newest,
}: {
  readonly spans: Answer<"traffic">;
  readonly newest: number;
}) {
  const untilMs = Math.floor(now.value / 60_000) * 60_000;
  const columns = columnsOf(spans, untilMs - hourMs, untilMs);
  const end = axisEnd(Math.max(...columns.map(({ requests }) => requests)));
  const total = columns.reduce((sum, { requests }) => sum + requests, 0);
  const failed = columns.reduce((sum, { errors }) => sum + errors, 0);
  if (total === 0) return <p class="empty">No requests in the last hour.</p>;
  const step = width / columns.length;
  const y = (requests: number) => (requests / end) * height;
  return (
    <figure class="picture">
      <figcaption>
        {total.toLocaleString()} requests in the last hour,{" "}
        {failed === 0 ? "none failed" : <strong class="bad">{failed.toLocaleString()} failed</strong>}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height + errorsHeight + 34}`}
        role="img"
        aria-label={`Requests by minute: ${total} in the last hour, ${failed} failed`}
      >
        <line class="grid" x1="0" x2={width} y1={errorsHeight} y2={errorsHeight} />
        <text class="axis" x="0" y={errorsHeight - 8}>
          {end} a minute
        </text>
        {columns.map(({ atMs, parts, errors }, n) => {
          let top = errorsHeight + height;
          return (
            <g key={atMs}>
              {parts.map(({ release, requests }) => {
                top -= y(requests);
                return (
                  <rect
                    key={release}
                    class={release === newest ? "newest" : "older"}
                    x={n * step + 0.5}
                    width={step - 1}
                    y={top}
                    height={y(requests)}
                  />
                );
              })}
              {errors > 0 && (
                <rect class="errors" x={n * step + 0.5} width={step - 1} y={top - 5} height="4" />
              )}
            </g>
          );
        })}
        <line class="grid base" x1="0" x2={width} y1={errorsHeight + height} y2={errorsHeight + height} />
        {[0, 0.5, 1].map((at) => (
          <text
            key={at}
            class="axis"
            x={at * width}
            y={errorsHeight + height + 30}
            text-anchor={at === 0 ? "start" : at === 1 ? "end" : "middle"}
          >
            {clockTime(untilMs - hourMs * (1 - at)).slice(0, 5)}
          </text>
        ))}
      </svg>
    </figure>
  );
}
