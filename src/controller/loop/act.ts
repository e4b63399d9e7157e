import { strict as assert } from "node:assert";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Action, RecordChange } from "../../domain/rollout/actions.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";
import type { Quarantine } from "../drift/quarantine.ts";
import type { Analyst } from "./analyst.ts";
import { groupSpecOf } from "./group-spec.ts";

export interface ActorOptions {
  readonly analyst: Analyst;
  readonly quarantine: Quarantine;
  readonly store: Store;
  readonly target: TargetName;
  /** What is desired of a service on this target. */
  readonly desired: (service: ServiceKey) => DesiredService | undefined;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly call: () => Call;
}

/** Carries out one action; each may be repeated. Throws what the platform or the store throws. */
export function createActor({
  analyst,
  quarantine,
  store,
  target,
  desired: desiredOf,
  platform,
  clock,
  call,
}: ActorOptions): (action: Action) => Promise<void> {
  /** What is recorded first runs at most once, whatever happens in between. */
  async function runJob({ service, rollout: id, job, reason }: RunJob): Promise<void> {
    const desired = desiredOf(service);
    const release = desired?.releases.get(desired.rollout?.to ?? 0);
    const spec = release?.jobs.find(({ name }) => name === job);
    assert(platform.jobs !== undefined, "a release with jobs is refused where none can run");
    if (release === undefined || spec === undefined) return;
    const started = { kind: "job-started", rollout: id, job: spec, atMs: clock.now() } as const;
    if (store.apply(service, started, reason))
      await platform.jobs.run({ release, rollout: id, job: spec }, call());
  }

  /** As `runJob`: what is recorded first begins at most once. */
  async function beginRun({ service, run: id, reason }: BeginRun): Promise<void> {
    const desired = desiredOf(service);
    const run = desired?.runs?.find((known) => known.id === id);
    const release = desired?.releases.get(run?.release ?? 0);
    if (run === undefined || release === undefined) return;
    const begun = { kind: "run-begun", run: id, atMs: clock.now() } as const;
    if (!store.apply(service, begun, reason)) return;
    const { job: name, command, deadlineMs } = run;
    await platform.jobs?.run({ release, rollout: 0, run: id, job: { name, command, deadlineMs } }, call());
  }

  return async (action) => {
    switch (action.kind) {
      case "resize": {
        const desired = desiredOf(action.service);
        const release = desired?.releases.get(action.release);
        assert(
          desired !== undefined && release !== undefined,
          "the planner resizes only releases that are known",
        );
        return platform.resize(groupSpecOf(desired, release, action), action.size, call());
      }
      case "route": {
        const releases = desiredOf(action.service)?.releases;
        const routed = action.shares.flatMap((s) => releases?.get(s.release) ?? []);
        return platform.route(action.service, action.shares, routed, call());
      }
      case "preview": {
        const releases = desiredOf(action.service)?.releases;
        const release = action.release === undefined ? undefined : releases?.get(action.release);
        return platform.preview?.(action.service, release, call());
      }
      case "destroy":
        return platform.destroy(action.server, call());
      case "quarantine":
        return quarantine(action.service, action.server);
      case "retire":
        return platform.retire(action.server, call());
      case "analyse": {
        const desired = desiredOf(action.service);
        const rollout = desired?.rollout;
        const spec = rollout?.steps[rollout.step]?.analysis;
        if (desired === undefined || rollout?.id !== action.rollout || spec === undefined) return;
        const verdict = await analyst.judge(desired, rollout, spec, call());
        store.apply(action.service, { kind: "judged", rollout: rollout.id, verdict }, verdict.reason);
        return;
      }
      case "run-job":
        return runJob(action);
      case "begin-run":
        return beginRun(action);
      case "end-job":
        return platform.jobs?.end(action.job, call());
      case "forget-job":
        return platform.jobs?.forget(action.job, call());
      case "record":
        store.apply(action.service, asOfNow(action.change, clock), action.reason, target);
    }
  };
}

type BeginRun = Extract<Action, { readonly kind: "begin-run" }>;
type RunJob = Extract<Action, { readonly kind: "run-job" }>;

/** A router that is slow takes its time from the pass, not from the hold that begins when the traffic has moved. */
function asOfNow(change: RecordChange, clock: Clock): RecordChange {
  return change.kind === "moved" ? { ...change, atMs: clock.now() } : change;
}
