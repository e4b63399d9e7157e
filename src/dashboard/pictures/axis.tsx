import { clockTime, weekdayOf } from "../parts/time.tsx";
import { type Axis, at, ticksOf } from "./axis.ts";

/** More times of day would touch each other on a narrow screen. */
const mostTimes = 5;

interface AxisProps {
  readonly axis: Axis;
  readonly most?: number | undefined;
}

/** The times below a picture, and nothing for those who hear the page: its table has them. */
export function AxisTimes({ axis, most = mostTimes }: AxisProps) {
  const { days, atMs } = ticksOf(axis, most);
  return (
    <svg class="times" aria-hidden="true">
      {atMs.map((tick) => (
        <text key={tick} class="axis" x={at(axis, tick)} y="14" text-anchor={anchorAt(at(axis, tick))}>
          {days ? weekdayOf(tick) : clockTime(tick).slice(0, 5)}
        </text>
      ))}
    </svg>
  );
}

/** What is near an end is not to hang over it. */
function anchorAt(place: string): "start" | "middle" | "end" {
  const share = Number.parseFloat(place);
  if (share < 4) return "start";
  return share > 96 ? "end" : "middle";
}

/** Lines at the same times, under what a row shows. */
export function AxisLines({ axis, most = mostTimes }: AxisProps) {
  return (
    <>
      {ticksOf(axis, most).atMs.map((tick) => (
        <line key={tick} class="grid" x1={at(axis, tick)} x2={at(axis, tick)} y1="0" y2="100%" />
      ))}
    </>
  );
}
