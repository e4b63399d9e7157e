import { type ComponentChildren, Fragment } from "preact";
import type { Axis } from "./axis.ts";
import { AxisLines, AxisTimes } from "./axis.tsx";

/** One line for each thing, all on one axis of time. The picture grows with the page; its words do not. */
export function Rows<Thing>({ axis, ticks, things, nameOf, isId = false, children }: RowsProps<Thing>) {
  return (
    <div class="lines">
      {things.map((thing) => {
        const name = nameOf(thing);
        return (
          <Fragment key={name}>
            <span class={isId ? "id" : "name"}>{name}</span>
            <svg class="line" role="img" aria-label={`${name}: the table below has the same`}>
              <AxisLines axis={axis} most={ticks} />
              {children(thing)}
            </svg>
          </Fragment>
        );
      })}
      <AxisTimes axis={axis} most={ticks} />
    </div>
  );
}

interface RowsProps<Thing> {
  readonly axis: Axis;
  /** At most so many times stand below it. */
  readonly ticks?: number | undefined;
  readonly things: readonly Thing[];
  readonly nameOf: (thing: Thing) => string;
  /** The names are of servers. */
  readonly isId?: boolean;
  /** What happened to it, in SVG. */
  readonly children: (thing: Thing) => ComponentChildren;
}
