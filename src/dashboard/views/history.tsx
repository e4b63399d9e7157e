import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import { Ago } from "../parts/time.tsx";
import { wishFor } from "../plan/change.ts";
import { duration, phaseWords, type Tone } from "../words.ts";

type History = Answer<"history">;
type ReleaseState = History["releases"][number]["state"];

const releaseTones: Readonly<Record<ReleaseState, readonly [Tone, string]>> = {
  serving: ["good", "serves"],
  warm: ["moving", "warm"],
  kept: ["quiet", "kept"],
  "image gone": ["warn", "image gone"],
};

interface ReleasesProps {
  readonly service: string;
  readonly history: History;
  /** A rollout runs: there is no way to another release before its end. */
  readonly busy: boolean;
}

export function Releases({ service, history, busy }: ReleasesProps) {
  const serving = history.releases.find(({ state }) => state === "serving")?.release.number;
  const canGo = (state: ReleaseState) => !busy && (state === "warm" || state === "kept");
  return (
    <>
      <h2>Releases</h2>
      <Table
        rows={history.releases.toReversed()}
        keyOf={({ release }) => release.number}
        columns={[
          {
            name: "Release",
            cell: ({ release }) => (
              <>
                {release.number} <span class="quiet">· {release.version}</span>
              </>
            ),
          },
          {
            name: "State",
            cell: ({ state }) => <Badge tone={releaseTones[state][0]} word={releaseTones[state][1]} />,
          },
          { name: "Made", cell: ({ release }) => <When atMs={release.createdAtMs} by={release.createdBy} /> },
          {
            name: "Compare",
            cell: ({ release: { number } }) =>
              serving !== undefined && serving !== number ? (
                <Go to={{ view: "diff", service, from: serving, to: number }}>with {serving}</Go>
              ) : (
                <span class="quiet">this serves</span>
              ),
          },
          {
            name: "Actions",
            acts: true,
            cell: ({ release: { number }, state }) =>
              canGo(state) && (
                <button type="button" onClick={() => wishFor(service, { kind: "rollback", release: number })}>
                  Roll back to {number}
                </button>
              ),
          },
        ]}
      />
    </>
  );
}

function When({ atMs, by }: { readonly atMs: number; readonly by: string }) {
  return (
    <>
      <Ago at={atMs} /> <span class="sub">by {by}</span>
    </>
  );
}

/** So many of the newest are shown. */
const mostRollouts = 20;

export function Rollouts({ service, rollouts }: RolloutsProps) {
  return (
    <>
      <h2>Rollouts</h2>
      <Table
        rows={rollouts.slice(0, mostRollouts)}
        keyOf={({ id }) => id}
        columns={[
          {
            name: "Rollout",
            cell: ({ id, kind, from, to }) => (
              <>
                <Go to={{ view: "rollout", service, rollout: id }}>{id}</Go>
                <span class="sub">
                  {kind} {from === undefined ? `of ${to}` : `${from} → ${to}`}
                </span>
              </>
            ),
          },
          {
            name: "Result",
            cell: ({ phase }) => <Badge tone={phaseWords[phase][0]} word={phaseWords[phase][1]} />,
          },
          { name: "Began", cell: ({ startedAtMs, startedBy }) => <When atMs={startedAtMs} by={startedBy} /> },
          {
            name: "Took",
            cell: ({ startedAtMs, endedAtMs }) =>
              endedAtMs === undefined ? "" : duration(endedAtMs - startedAtMs),
          },
          { name: "Why", quiet: true, cell: ({ reason, changes }) => reason ?? changes[0] ?? "" },
        ]}
      />
    </>
  );
}

interface RolloutsProps {
  readonly service: string;
  readonly rollouts: History["rollouts"];
}
