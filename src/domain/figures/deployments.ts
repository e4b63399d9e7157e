import type { KilnEvent } from "../event.ts";
import type { BroughtCommits } from "../rollout/rollout.ts";

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
  const history = new History();
  for (const event of events) history.follow(event);
  return history.deployments;
}

/** Every rollout of one service so far: each event costs the same, however long the log is. */
class History {
  readonly #journeys = new Map<number, Journey>();
  /** By release, the last deployment that has led to it. */
  readonly #ledTo = new Map<number, number>();
  /** To another target: the same release under another number, which is not a deployment. */
  readonly #moves = new Map<number, { readonly from: number; readonly to: number }>();
  /** What has failed and has not recovered. */
  readonly #open = new Set<number>();

  get deployments(): readonly Deployment[] {
    return [...this.#journeys.values()].filter(({ isRollback }) => !isRollback);
  }

  follow({ kind, data, sequence, atMs }: KilnEvent): void {
    const id = Number(data.rollout);
    const mark = { sequence, atMs };
    if (data.journey === "move") this.#moves.set(id, { from: Number(data.from), to: Number(data.to) });
    else if (kind === "rollout.started") this.#journeys.set(id, begun(id, data, mark));
    if (kind === "rollout.completed") this.#moved(id);
    const journey = this.#journeys.get(id);
    if (journey === undefined) return;
    if (kind === "rollout.moved") this.#change(journey, { moved: journey.moved ?? mark });
    else if (kind === "rollout.turned-back" || kind === "rollout.failed") this.#fail(journey, mark);
    else if (kind === "rollout.rolled-back") this.#recover(this.#fail(journey, mark), mark);
    else if (kind === "rollout.completed") this.#complete(journey, mark);
  }

  #change(journey: Journey, now: Partial<Journey>): Journey {
    const changed = { ...journey, ...now };
    this.#journeys.set(journey.rollout, changed);
    return changed;
  }

  #fail(journey: Journey, mark: Mark): Journey {
    if (journey.failed !== undefined) return journey;
    this.#open.add(journey.rollout);
    return this.#change(journey, { failed: mark });
  }

  #recover(journey: Journey, mark: Mark): void {
    this.#open.delete(journey.rollout);
    this.#change(journey, { recovered: mark });
  }

  /** Whatever had failed before is over once another release has all the traffic. */
  #complete(journey: Journey, mark: Mark): void {
    this.#change(journey, { completed: mark });
    if (journey.isRollback) this.#leave(journey);
    else this.#ledTo.set(journey.to, journey.rollout);
    for (const id of [...this.#open]) {
      const failed = this.#journeys.get(id);
      if (failed !== undefined) this.#recover(failed, mark);
    }
  }

  /** What had led to a release has led to it wherever it runs. */
  #moved(id: number): void {
    const { from = 0, to = 0 } = this.#moves.get(id) ?? {};
    const led = this.#ledTo.get(from);
    if (led !== undefined) this.#ledTo.set(to, led);
  }

  /** A rollback says that the deployment which had led to the release it leaves was not good. */
  #leave({ from, started }: Journey): void {
    const left = from === undefined ? undefined : this.#ledTo.get(from);
    const journey = left === undefined ? undefined : this.#journeys.get(left);
    if (journey !== undefined) this.#fail(journey, started);
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
