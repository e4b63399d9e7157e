import { Go } from "../navigation.tsx";
import { Table } from "../parts/table.tsx";
import { Moment } from "../parts/time.tsx";
import { duration } from "../words.ts";
import { type Axis, at, length } from "./axis.ts";
import { type Mark, periodOf, spread, type Trail } from "./drift-trails.ts";
import { Rows } from "./rows.tsx";

const markWords: Readonly<Record<Mark["kind"], string>> = {
  found: "it differs",
  taken: "out of traffic",
  kept: "evidence kept",
  replaced: "replaced",
  gone: "gone",
};

/** Around 0, 0, within 7 to each side: one shape for each meaning. */
const shapes: Readonly<Record<Mark["kind"], string>> = {
  found: "M0-7 7 0 0 7-7 0z",
  taken: "M-5-5H5V5H-5z",
  kept: "M0-6A6 6 0 1 1 0 6 6 6 0 0 1 0-6zM0-2.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  replaced: "M-5-6 6 0-5 6z",
  gone: "M-1.5-8h3V8h-3z",
};

/** Between two marks of one moment, in pixels. */
const apart = 13;

const markKinds = Object.keys(shapes) as Mark["kind"][];

/** Cause before effect: who was in a server, what was found in it, and what became of it. */
export function DriftTrailsPicture({ trails, nowMs }: TrailsProps) {
  if (trails.length === 0) return null;
  const axis = periodOf(trails, nowMs);
  return (
    <figure class="picture rows">
      <figcaption>
        <span class="key session">someone was in it</span>
        {markKinds.map((kind) => (
          <span key={kind} class="shape">
            <svg viewBox="-8 -8 16 16" aria-hidden="true">
              <path class={`trail ${kind}`} d={shapes[kind]} />
            </svg>
            {markWords[kind]}
          </span>
        ))}
      </figcaption>
      <Rows axis={axis} things={trails} nameOf={({ server }) => server} isId>
        {(trail) => <TrailLine trail={trail} axis={axis} nowMs={nowMs} />}
      </Rows>
      <TrailsTable trails={trails} nowMs={nowMs} />
    </figure>
  );
}

interface TrailsProps {
  readonly trails: readonly Trail[];
  readonly nowMs: number;
}

function TrailLine({ trail: { sessions, marks }, axis, nowMs }: LineProps) {
  return (
    <>
      <line class="grid base" x1="0" x2="100%" y1="50%" y2="50%" />
      {sessions.map(({ fromMs, toMs = nowMs, who }) => (
        <rect
          key={fromMs}
          class="session"
          x={at(axis, fromMs)}
          width={length(axis, fromMs, toMs)}
          y="4"
          height="20"
        >
          <title>{`${who}, ${duration(toMs - fromMs)}`}</title>
        </rect>
      ))}
      {spread(marks, axis).map(({ mark: { kind, message }, atMs, away }) => (
        <svg key={`${kind}${atMs}${away}`} class="spot" x={at(axis, atMs)} y="50%">
          <title>{message}</title>
          <path class={`trail ${kind}`} d={shapes[kind]} transform={`translate(${away * apart})`} />
        </svg>
      ))}
    </>
  );
}

interface LineProps {
  readonly trail: Trail;
  readonly axis: Axis;
  readonly nowMs: number;
}

function TrailsTable({ trails, nowMs }: TrailsProps) {
  return (
    <details>
      <summary>As a table</summary>
      <Table
        rows={trails.flatMap((trail) => entriesOf(trail, nowMs))}
        columns={trailColumns}
        keyOf={({ server, atMs, words }) => `${server}${atMs}${words}`}
      />
    </details>
  );
}

const trailColumns = [
  {
    name: "Server",
    cell: ({ server, service }: Entry) =>
      service === undefined ? (
        <code>{server}</code>
      ) : (
        <Go to={{ view: "server", service, server }}>
          <code>{server}</code>
        </Go>
      ),
  },
  { name: "When", cell: ({ atMs }: Entry) => <Moment at={atMs} /> },
  { name: "What", cell: ({ words }: Entry) => words },
] as const;

interface Entry extends Pick<Trail, "server" | "service"> {
  readonly atMs: number;
  readonly words: string;
}

function entriesOf({ server, service, sessions, marks }: Trail, nowMs: number): readonly Entry[] {
  return [
    ...sessions.map(({ fromMs, toMs, who }) => ({
      ...{ server, service, atMs: fromMs },
      words: `${who} was in it for ${duration((toMs ?? nowMs) - fromMs)}${toMs === undefined ? ", and still is" : ""}`,
    })),
    ...marks.map(({ kind, atMs, message }) => ({
      ...{ server, service, atMs, words: `${markWords[kind]}: ${message}` },
    })),
  ].toSorted((a, b) => a.atMs - b.atMs);
}
