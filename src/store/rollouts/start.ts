import { strict as assert } from "node:assert";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import { draftOf, type Release, type ReleaseDraft } from "../../domain/rollout/release.ts";
import type { BroughtCommits, Origin, Rollout, TraceContext } from "../../domain/rollout/rollout.ts";
import type { RolloutPolicy, Step } from "../../domain/spec/rollout-policy.ts";
import { defaultUpkeep, type UpkeepPolicy } from "../../domain/spec/upkeep-policy.ts";
import { localTarget, type TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import { insertOverride } from "../policy/overrides.ts";
import { insertContents } from "../services/contents.ts";
import { selectMove } from "../services/moves.ts";
import { insertRelease, recordAdmission, selectEqualRelease, selectRelease } from "../services/releases.ts";
import { requireService, type ServiceRecord, selectService, upsertService } from "../services/services.ts";
import { holdSource } from "../sources/hold.ts";
import { requireTarget } from "../targets.ts";
import type { Workbench } from "../workbench.ts";
import { insertRollout, rolloutData, selectRunningRollout, updateRollout } from "./rollouts.ts";

/** A release for the service to go to. */
export interface StartDeploy {
  /** What `draftRelease` gave. Recorded here if it is new. */
  readonly release: Release;
  /** Where a new service is to run; of another one it changes nothing. Absent: on `local`. */
  readonly target?: TargetName | undefined;
  readonly count: number;
  readonly policy: RolloutPolicy;
  /** How this one rollout is made. Absent: by `policy`, which is that of the service from now on. */
  readonly rolloutPolicy?: RolloutPolicy;
  readonly steps: readonly Step[];
  /** Absent: as it is. */
  readonly upkeep?: UpkeepPolicy;
  /** By digest, the content of every file of the release. */
  readonly contents?: ReadonlyMap<string, Uint8Array>;
  readonly by: Asker;
  readonly origin?: Origin | undefined;
  readonly commits?: BroughtCommits | undefined;
  readonly trace?: TraceContext | undefined;
  /** What changes against the release that serves. */
  readonly changes?: readonly string[];
  /** End a running rollout in favour of this one; otherwise it is in the way. */
  readonly supersede?: boolean;
  /** What policies say of the release. Absent: there are none. */
  readonly admission?: Admission | undefined;
}

/** A kept release for the service to go back to. */
export interface StartRollback {
  readonly service: ServiceKey;
  readonly to: number;
  readonly policy: RolloutPolicy;
  readonly steps: readonly Step[];
  readonly by: Asker;
  readonly changes?: readonly string[];
  readonly supersede?: boolean;
  /** By volume, the snapshot that takes the place of its data. */
  readonly restore?: Readonly<Record<string, string>> | undefined;
  /** What policies say of the release. Absent: there are none. */
  readonly admission?: Admission | undefined;
}

/**
 * The release that a deploy of this draft would go to: the serving or the newest one if it is equal, otherwise a new
 * one with the next number. Records nothing.
 */
export function draftRelease(
  { db, clock }: Workbench,
  service: ServiceKey,
  draft: ReleaseDraft,
  createdBy: string,
): Release {
  const equal = selectEqualRelease(db, service, draft);
  if (equal) return equal;
  const number = (selectService(db, service)?.lastRelease ?? 0) + 1;
  return { ...draftOf(draft), service, number, createdAtMs: clock.now(), createdBy };
}

/** Records release, count, policy and rollout. Throws `rollout_running`, `service_removing`, `target_unknown`. */
export function startDeploy(bench: Workbench, start: StartDeploy): Rollout {
  const { release, count, policy } = start;
  const { service } = release;
  makeWay(bench, service, start.by, start.supersede ?? false);
  const record = selectService(bench.db, service);
  const base: ServiceRecord = record ?? {
    service,
    target: requireTarget(bench.db, start.target ?? localTarget.name).name,
    count,
    policy,
    upkeep: defaultUpkeep,
    serving: undefined,
    lastRelease: 0,
    removed: false,
  };
  upsertService(bench.db, {
    ...base,
    count,
    policy,
    upkeep: start.upkeep ?? base.upkeep,
    lastRelease: Math.max(base.lastRelease, release.number),
  });
  if (release.number > base.lastRelease) {
    insertContents(bench.db, start.contents ?? new Map());
    addRelease(bench, release, base.lastRelease, start.by);
  }
  tellScaled(bench, service, base.count, count, start.by);
  const rolloutPolicy = start.rolloutPolicy ?? policy;
  return addRollout(bench, {
    ...start,
    policy: rolloutPolicy,
    kind: "deploy",
    service,
    from: base.serving,
    to: release.number,
  });
}

/** Records the rollout. Throws `service_unknown`, `service_removing`, `release_unknown`, `rollout_running`. */
export function startRollback(bench: Workbench, start: StartRollback): Rollout {
  const record = requireService(bench.db, start.service);
  if (selectRelease(bench.db, start.service, start.to) === undefined) {
    throw unknownRelease(start.service, start.to);
  }
  makeWay(bench, start.service, start.by, start.supersede ?? false);
  holdSource(bench, start.service, start.by, "rolled it back");
  return addRollout(bench, { ...start, kind: "rollback", from: record.serving });
}

/** A release that was drafted, with the next number. */
export function addRelease({ db, log }: Workbench, release: Release, last: number, by: Asker): void {
  assert.equal(release.number, last + 1, "a release was drafted before another one was recorded");
  insertRelease(db, release);
  const { service, number, version, image, network } = release;
  const opened = network?.metadata === undefined ? {} : { metadata: network.metadata };
  log.append({
    service,
    kind: "release.created",
    message: `Release ${number} of ${service} was made from version ${version}.`,
    data: { release: number, version, image, ...opened, ...askerData(by) },
  });
}

/** Records it with its event. The caller has made way for it. */
export function addRollout(
  { db, log, clock }: Workbench,
  start: Pick<Rollout, "service" | "kind" | "from" | "to" | "policy" | "steps"> & {
    readonly by: Asker;
    readonly origin?: Origin | undefined;
    readonly commits?: BroughtCommits | undefined;
    readonly trace?: TraceContext | undefined;
    readonly changes?: readonly string[];
    readonly restore?: Rollout["restore"];
    readonly admission?: Admission | undefined;
  },
): Rollout {
  const {
    service,
    kind,
    from,
    to,
    policy,
    steps,
    by,
    origin,
    commits,
    trace,
    restore,
    admission,
    changes = [],
  } = start;
  const now = clock.now();
  const rollout = insertRollout(db, {
    ...{ service, kind, from, to, policy, steps, origin, changes },
    ...(restore === undefined ? {} : { restore }),
    ...{ phase: "forward", step: 0, startedAtMs: now, startedBy: askerName(by), movedAtMs: undefined },
    ...{
      highestReady: 0,
      progressAtMs: now,
      judgedFromMs: now,
      promoted: false,
      jobs: [],
      verdict: undefined,
      endedAtMs: undefined,
      reason: undefined,
    },
  });
  recordAdmission(db, service, to, admission);
  if (admission?.breakGlass) insertOverride({ db, log, clock }, rollout, admission, by);
  const journey = from === undefined ? `to release ${to}` : `from release ${from} to release ${to}`;
  log.append({
    service,
    kind: "rollout.started",
    message: `${askerName(by)} started a ${kind} of ${service} ${journey}${why(by)}`,
    data: {
      rollout: rollout.id,
      target: kind === "move" ? selectMove(db, service)?.target : selectService(db, service)?.target,
      journey: kind,
      from,
      to,
      strategy: policy.strategy,
      steps: steps.length,
      ...(origin === undefined ? {} : { origin }),
      ...(restore === undefined ? {} : { restore }),
      ...(commits === undefined ? {} : { commits }),
      ...(trace === undefined ? {} : { trace }),
      ...(admission === undefined ? {} : { admission }),
      ...askerData(by),
    },
  });
  return rollout;
}

/** Whether a deploy may begin. Records nothing. Throws `rollout_running`, `service_removing`. */
export function requireWay({ db }: Workbench, service: ServiceKey, supersede: boolean): void {
  if (selectService(db, service) !== undefined) requireService(db, service);
  const running = selectRunningRollout(db, service);
  if (running === undefined || (supersede && mayEnd(running))) return;
  throw rolloutRunning(running);
}

/**
 * Where a service is coming to, users may be already, so someone has to turn it back first. Then nothing waits for that target, which may be
 * down: it is cleared when it answers.
 */
function mayEnd({ kind, phase }: Rollout): boolean {
  return kind !== "move" || phase === "back";
}

/** Ends the running rollout, or refuses: one rollout per service. */
export function makeWay(bench: Workbench, service: ServiceKey, by: Asker, supersede: boolean): void {
  requireWay(bench, service, supersede);
  const running = selectRunningRollout(bench.db, service);
  if (running !== undefined) endSuperseded(bench, running, `superseded by ${askerName(by)}`, by);
}

/** Ends a rollout where it is; the next plan starts from there. */
export function endSuperseded(
  { db, log, clock }: Workbench,
  rollout: Rollout,
  reason: string,
  { actor }: Asker,
): void {
  const after: Rollout = { ...rollout, phase: "superseded", endedAtMs: clock.now(), reason };
  updateRollout(db, after);
  log.append({
    service: rollout.service,
    kind: "rollout.superseded",
    message: `The ${rollout.kind} of ${rollout.service} to release ${rollout.to} was ${reason}.`,
    data: { ...rolloutData(after, reason), actor },
  });
}

/** Records another count. The caller has seen that the service is there. */
export function tellScaled(
  { log }: Workbench,
  service: ServiceKey,
  from: number,
  to: number,
  by: Asker,
): void {
  if (from === to) return;
  log.append({
    service,
    kind: "service.scaled",
    message: `${askerName(by)} scaled ${service} from ${from} to ${to} ${to === 1 ? "server" : "servers"}${why(by)}`,
    data: { from, to, ...askerData(by) },
  });
}

function rolloutRunning(rollout: Rollout): KilnError {
  const { kind, service, to, phase, startedBy, startedAtMs } = rollout;
  const since = new Date(startedAtMs).toISOString();
  if (kind === "move") {
    const ways = `\`kiln move ${service} --finish\` hands it over, \`kiln move ${service} --abort\` leaves it where it is.`;
    const back = `Its servers there go first; \`kiln deploy --supersede\` does not wait for that.`;
    return new KilnError(
      "rollout_running",
      `${service} is being moved${phase === "back" ? " back" : ""}; ${startedBy} began the move at ${since}.`,
      { hint: phase === "back" ? back : ways, retry: true },
    );
  }
  const [state, goOn] =
    phase === "paused"
      ? ["paused", "`kiln rollout resume` or `promote` continues it"]
      : ["running", "`kiln rollout show` follows it"];
  return new KilnError(
    "rollout_running",
    `A ${kind} of ${service} to release ${to} is ${state}; ${startedBy} started it at ${since}.`,
    {
      hint: `${goOn} and \`kiln rollout abort\` turns it back; \`kiln deploy --supersede\` puts another one in its place.`,
      retry: true,
    },
  );
}

function unknownRelease(service: ServiceKey, number: number): KilnError {
  return new KilnError("release_unknown", `${service} has no release ${number}, or it was pruned.`, {
    hint: "`kiln history` lists the releases that are kept.",
  });
}
