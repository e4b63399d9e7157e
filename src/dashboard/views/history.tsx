import type { Answer } from "../../api/contract/types.ts";
import { Go } from "../navigation.tsx";
import { Badge } from "../parts/badge.tsx";
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
      <table>
        <thead>
          <tr>
            <th scope="col">Release</th>
            <th scope="col">State</th>
            <th scope="col">Made</th>
            <th scope="col">Compare</th>
            <th scope="col">
              <span class="unseen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {history.releases.toReversed().map(({ release, state }) => (
            <tr key={release.number}>
              <th scope="row">
                {release.number} <span class="quiet">· {release.version}</span>
              </th>
              <td data-label="State">
                <Badge tone={releaseTones[state][0]} word={releaseTones[state][1]} />
              </td>
              <td data-label="Made">
                <Ago at={release.createdAtMs} /> <span class="quiet">by {release.createdBy}</span>
              </td>
              <td data-label="Compare">
                {serving !== undefined && serving !== release.number ? (
                  <Go to={{ view: "diff", service, from: serving, to: release.number }}>with {serving}</Go>
                ) : (
                  <span class="quiet">this serves</span>
                )}
              </td>
              <td class="act">
                {canGo(state) && (
                  <button
                    type="button"
                    onClick={() => wishFor(service, { kind: "rollback", release: release.number })}
                  >
                    Roll back to {release.number}
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** So many of the newest are shown. */
const mostRollouts = 20;

export function Rollouts({
  service,
  rollouts,
}: {
  readonly service: string;
  readonly rollouts: History["rollouts"];
}) {
  return (
    <>
      <h2>Rollouts</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Rollout</th>
            <th scope="col">Result</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {rollouts.slice(0, mostRollouts).map((rollout) => {
            const [tone, word] = phaseWords[rollout.phase];
            const { id, kind, from, to, startedAtMs, startedBy, endedAtMs, reason } = rollout;
            return (
              <tr key={id}>
                <th scope="row">
                  <Go to={{ view: "rollout", service, rollout: id }}>{id}</Go>{" "}
                  <span class="quiet">
                    {kind} {from === undefined ? `of ${to}` : `${from} → ${to}`}
                  </span>
                </th>
                <td data-label="Result">
                  <Badge tone={tone} word={word} />
                </td>
                <td data-label="Began">
                  <Ago at={startedAtMs} /> <span class="quiet">by {startedBy}</span>
                </td>
                <td data-label="Took">{endedAtMs === undefined ? "" : duration(endedAtMs - startedAtMs)}</td>
                <td data-label="Why" class="quiet">
                  {reason ?? rollout.changes[0] ?? ""}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </>
  );
}
