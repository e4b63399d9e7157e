import type { KilnEvent } from "../event.ts";
import type { BroughtCommits } from "../rollout.ts";

/** An entry of the event log. */
export interface Mark {
  readonly sequence: number;
  /** Unix time in ms. */
  readonly atMs: number;
}

/** A rollout to another release, as the event log tells of it. A mark is undefined when that has not happened. */
export interface Deployment {
  readonly rollout: number;
  readonly to: number;
  readonly started: Mark;
  /** The new release got traffic for the first time. */
  readonly moved: Mark | undefined;
  readonly completed: Mark | undefined;
  /** What showed that it had failed: it turned back, had no way back, or a rollback left its release later. */
  readonly failed: Mark | undefined;
  /** After that, traffic was wholly on another release. */
  readonly recovered: Mark | undefined;
  /** What it brought; undefined where that is not known. */
  readonly commits: BroughtCommits | undefined;
}

/** The events that deployments are read from. */
export const deploymentKinds: readonly string[] = [
  ...["rollout.started", "rollout.moved", "rollout.turned-back"],
  ...["rollout.completed", "rollout.rolled-back", "rollout.failed"],
];

interface Journey extends Deployment {
  readonly from: number | undefined;
  readonly isRollback: boolean;
}

/** The deployments of one service, in their order, from its events in theirs. Other events are ignored. */
export function deploymentsOf(events: readonly KilnEvent[]): readonly Deployment[] {
  const journeys = new Map<number, Journey>();
  for (const event of events) follow(journeys, event);
  return [...journeys.values()].filter(({ isRollback }) => !isRollback);
}

function follow(journeys: Map<number, Journey>, { kind, data, sequence, atMs }: KilnEvent): void {
  const id = Number(data.rollout);
  const mark = { sequence, atMs };
  if (kind === "rollout.started") journeys.set(id, begun(id, data, mark));
  const journey = journeys.get(id);
  if (journey === undefined) return;
  const change = (now: Partial<Journey>) => journeys.set(id, { ...journey, ...now });
  if (kind === "rollout.moved") change({ moved: journey.moved ?? mark });
  else if (kind === "rollout.turned-back" || kind === "rollout.failed")
    change({ failed: journey.failed ?? mark });
  else if (kind === "rollout.rolled-back") change({ failed: journey.failed ?? mark, recovered: mark });
  else if (kind === "rollout.completed") {
    change({ completed: mark });
    if (journey.isRollback) leave(journeys, journey);
    recover(journeys, mark);
  }
}

function begun(rollout: number, data: KilnEvent["data"], started: Mark): Journey {
  const unknown = { moved: undefined, completed: undefined, failed: undefined, recovered: undefined };
  return {
    ...{ rollout, started, ...unknown, to: Number(data.to), isRollback: data.journey === "rollback" },
    from: typeof data.from === "number" ? data.from : undefined,
    commits: data.commits as BroughtCommits | undefined,
  };
}

/** A rollback says that the deployment which had led to the release it leaves was not good. */
function leave(journeys: Map<number, Journey>, { from, started }: Journey): void {
  const left = [...journeys.values()].findLast(
    ({ isRollback, to, completed }) => !isRollback && to === from && completed !== undefined,
  );
  if (left !== undefined && left.failed === undefined)
    journeys.set(left.rollout, { ...left, failed: started });
}

/** Whatever had failed before is over once another release has all the traffic. */
function recover(journeys: Map<number, Journey>, mark: Mark): void {
  for (const [id, journey] of journeys)
    if (journey.failed !== undefined && journey.recovered === undefined)
      journeys.set(id, { ...journey, recovered: mark });
}
