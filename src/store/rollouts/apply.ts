import type { ServiceKey } from "../../domain/ids.ts";
import type { RecordChange } from "../../domain/rollout/actions.ts";
import type { JobRun } from "../../domain/rollout/job-run.ts";
import { keptForMs } from "../../domain/rollout/move.ts";
import { changeRollout } from "../../domain/rollout/record.ts";
import type { Move, Rollout } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { spanWords } from "../../lib/time/span.ts";
import { beginRun, endRun } from "../runs.ts";
import { deleteUnusedVersions } from "../secrets/secret-versions.ts";
import { deleteUnusedContents } from "../services/contents.ts";
import { deleteGivenUp, deleteMove, selectGivenUp, selectMove, upsertMove } from "../services/moves.ts";
import { markGood, markServedUntil } from "../services/releases.ts";
import { deleteService, type ServiceRecord, selectService, upsertService } from "../services/services.ts";
import type { Database } from "../sqlite/database.ts";
import { endTaint } from "../taints.ts";
import type { Workbench } from "../workbench.ts";
import { rolloutData, selectRunningRollout, updateRollout } from "./rollouts.ts";
import { deleteWarm, replaceWarm } from "./warm.ts";

type PlannedChange = Exclude<
  RecordChange,
  { readonly kind: "warm-over" | "taint-over" | "run-begun" | "run-ended" | "gone" }
>;
type EndChange = Extract<RecordChange, { readonly kind: "end" }>;

/**
 * Records what the planner decided. False, and nothing is changed, when it was decided before something else
 * happened (a user aborted, superseded or removed meanwhile): the next plan will see that. `at`: for which target it was decided;
 * absent: for the one where the service is.
 */
export function applyChange(
  bench: Workbench,
  service: ServiceKey,
  change: RecordChange,
  reason: string,
  at?: TargetName,
): boolean {
  const move = selectMove(bench.db, service);
  const isOther = move !== undefined && move.target === at;
  switch (change.kind) {
    case "gone":
      if (isOther) return endMove(bench, service, move);
      if (hasGivenUp(bench, service, at)) return clearGivenUp(bench, service, at);
      // The other target is cleared first: without the service no one would know of it.
      return move === undefined && forgetService(bench, service);
    case "warm-over":
      if (isOther) return clearLeft(bench, service, move, reason);
      return endWarm(bench, service, change.release, reason);
    case "run-begun":
      return beginRun(bench, change, at);
    case "run-ended":
      return endRun(bench, change, reason);
    case "taint-over":
      return endTaint(bench, change.server);
    default:
      return changeRunning(bench, service, change, reason);
  }
}

function hasGivenUp({ db }: Workbench, service: ServiceKey, at: TargetName | undefined): at is TargetName {
  return selectGivenUp(db, service).some(({ target }) => target === at);
}

/** A target that was given up answers again, and nothing of the service is left there. */
function clearGivenUp({ db, log }: Workbench, service: ServiceKey, target: TargetName): boolean {
  const { release } = selectGivenUp(db, service).find((one) => one.target === target) ?? {};
  deleteGivenUp(db, service, target);
  const message = `Nothing of ${service} is left on ${target}, which was given up.`;
  log.append({ service, kind: "service.left", message, data: { target, release } });
  return true;
}

/** What may still run on targets that were given up is no longer known after that. */
function forgetService({ db, log }: Workbench, service: ServiceKey): boolean {
  if (!selectService(db, service)?.removed) return false;
  const givenUp = selectGivenUp(db, service).map(({ target }) => target);
  const but = givenUp.length === 0 ? "" : `, except what may still run on ${givenUp.join(", ")}`;
  deleteService(db, service);
  deleteUnusedVersions(db, service);
  deleteUnusedContents(db);
  log.append({
    service,
    kind: "service.gone",
    message: `Nothing of ${service} is left${but}.`,
    data: { ...(but && { givenUp }) },
  });
  return true;
}

/** Nothing of the service is left on the other target. */
function endMove({ db, log }: Workbench, service: ServiceKey, { target, release }: Move): boolean {
  if (selectRunningRollout(db, service)?.kind === "move") return false;
  deleteMove(db, service);
  const message = `Nothing of ${service} is left on ${target}.`;
  log.append({ service, kind: "service.left", message, data: { target, release } });
  return true;
}

/** The target that was left has kept its servers for long enough. */
function clearLeft({ db, log }: Workbench, service: ServiceKey, move: Move, reason: string): boolean {
  const { target, release, keptUntilMs } = move;
  if (keptUntilMs === undefined) return false;
  upsertMove(db, service, { ...move, keptUntilMs: undefined });
  const message = `Release ${release} of ${service} is no longer kept on ${target}: ${reason}.`;
  log.append({ service, kind: "release.cold", message, data: { release, target, reason } });
  return true;
}

function endWarm({ db, log }: Workbench, service: ServiceKey, release: number, reason: string): boolean {
  if (!deleteWarm(db, service, release)) return false;
  log.append({
    service,
    kind: "release.cold",
    message: `Release ${release} of ${service} is no longer kept warm: ${reason}.`,
    data: { release, reason },
  });
  return true;
}

function changeRunning(
  bench: Workbench,
  service: ServiceKey,
  change: PlannedChange,
  reason: string,
): boolean {
  const before = selectRunningRollout(bench.db, service);
  if (before === undefined || isStale(before, change)) return false;
  const after = changeRollout(before, change, leadsAway(change) ? reason : undefined);
  updateRollout(bench.db, after);
  judge(bench, before, change);
  if (change.kind === "end") handOver(bench, after, change);
  bench.log.append({
    service,
    kind: eventOf(change),
    message: `${sentence(after, change, reason)}.`,
    data: { ...rolloutData(after, reason), ...jobData(change) },
  });
  return true;
}

/** Whether this change was planned for another rollout, or for another phase of this one. */
function isStale(rollout: Rollout, change: PlannedChange): boolean {
  if (rollout.id !== change.rollout) return true;
  if (change.kind === "progress") return rollout.phase !== "forward" && rollout.phase !== "back";
  if (change.kind === "job-ended") return !rollout.jobs.some((run) => isUnderWay(run, change.job));
  if (change.kind === "job-started") return rollout.phase !== "forward" || hasEnded(rollout, change.job.name);
  if (change.kind !== "end") return rollout.phase !== "forward";
  if (change.phase === "complete") return rollout.phase !== "forward";
  return change.phase === "rolled-back" && rollout.phase !== "back";
}

function isUnderWay(run: JobRun, name: string): boolean {
  return run.name === name && run.end === undefined;
}

function hasEnded({ jobs }: Rollout, name: string): boolean {
  return jobs.some((run) => run.name === name && run.end !== undefined);
}

/** Whether the reason is one that the rollout's record keeps. */
function leadsAway(change: PlannedChange): boolean {
  return (
    change.kind === "turn-back" ||
    change.kind === "pause" ||
    (change.kind === "end" && change.phase !== "complete")
  );
}

/** A release that completes its rollout is good; one that fails on the way is not. A user who aborts judges nothing. */
function judge({ db }: Workbench, before: Rollout, change: PlannedChange): void {
  if (before.phase !== "forward") return;
  if (change.kind === "end" && change.phase === "complete") markGood(db, before.service, before.to, true);
  else if (leadsAway(change)) markGood(db, before.service, before.to, false);
}

function handOver({ db }: Workbench, rollout: Rollout, change: EndChange): void {
  const { service } = rollout;
  const record = selectService(db, service);
  if (record === undefined) return;
  if (rollout.kind === "move") {
    handOverTarget(db, rollout, change, record);
    return;
  }
  if (record.serving !== undefined && record.serving !== change.serving) {
    markServedUntil(db, service, record.serving, change.atMs);
  }
  upsertService(db, { ...record, serving: change.serving });
  replaceWarm(db, service, change.warm);
}

/** The service is where it came to, and its former target is the other one from now on. A move that fails leaves it where it was. */
function handOverTarget(db: Database, rollout: Rollout, change: EndChange, record: ServiceRecord): void {
  const { service, from, to, policy } = rollout;
  const move = selectMove(db, service);
  if (change.phase !== "complete" || move === undefined || from === undefined) return;
  markServedUntil(db, service, from, change.atMs);
  upsertService(db, { ...record, target: move.target, serving: to });
  replaceWarm(db, service, []);
  const keptUntilMs = change.atMs + keptForMs(policy);
  upsertMove(db, service, { ...move, target: record.target, release: from, keptUntilMs });
}

/** The event's name for each change. */
const eventKinds = {
  progress: "rollout.progress",
  moved: "rollout.moved",
  step: "rollout.step",
  "turn-back": "rollout.turned-back",
  pause: "rollout.paused",
  judged: "rollout.judged",
  "job-started": "job.started",
  complete: "rollout.completed",
  "rolled-back": "rollout.rolled-back",
  failed: "rollout.failed",
} as const;

function eventOf(change: PlannedChange): string {
  if (change.kind === "end") return eventKinds[change.phase];
  return change.kind === "job-ended" ? `job.${change.end.outcome}` : eventKinds[change.kind];
}

function jobData(change: PlannedChange): Readonly<Record<string, unknown>> {
  if (change.kind === "job-started") return { job: change.job.name };
  return change.kind === "job-ended" ? { job: change.job, exitCode: change.end.exitCode } : {};
}

/** What has happened, for people. */
function sentence(rollout: Rollout, change: PlannedChange, reason: string): string {
  const name = `The ${rollout.kind} of ${rollout.service} to release ${rollout.to}`;
  switch (change.kind) {
    case "progress":
      return `${name}: ${reason}`;
    case "moved":
      return movedSentence(rollout);
    case "step":
      return `${name} begins step ${change.step + 1} of ${rollout.steps.length}`;
    case "turn-back":
      return `${name} turns back: ${reason}`;
    case "pause":
      return `${name} pauses: ${reason}`;
    case "judged":
      return `${name} is analysed (${change.verdict.outcome}): ${reason}`;
    case "job-started":
      return `${name} begins job ${change.job.name}`;
    case "job-ended":
      return `${name}: ${reason}`;
    case "end":
      return `${name} ${terminations[change.phase]}: ${reason}`;
  }
}

function movedSentence({ service, to, steps, step }: Rollout): string {
  const { share = 1, holdMs = 0 } = steps[step] ?? {};
  const part = share === 1 ? "all the traffic" : `${Math.round(share * 100)} % of the traffic`;
  const proof = holdMs === 0 ? "" : ` and has to stay healthy for ${spanWords(holdMs)}`;
  return `Release ${to} of ${service} has ${part}${proof}`;
}

const terminations = {
  complete: "is complete",
  "rolled-back": "was rolled back",
  failed: "has failed",
} as const satisfies Record<EndChange["phase"], string>;
