import type { ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import { basisOf } from "../../domain/plan/basis.ts";
import { planService } from "../../domain/plan/plan.ts";
import { type ServiceView, viewOf } from "../../domain/plan/service-view.ts";
import type { Action } from "../../domain/rollout/actions.ts";
import { atTarget } from "../../domain/rollout/move.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { endingBy } from "../../lib/time/ending-by.ts";
import type { SteadyClock } from "../../lib/time/steady-clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { DriftSource } from "../../platform/contract/drift-source.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";
import { createQuarantine } from "../drift/quarantine.ts";
import { createResponder } from "../drift/response.ts";
import type { Meter } from "../metrics/meter.ts";
import type { Trouble } from "../operations.ts";
import { endSessions } from "../servers/end-sessions.ts";
import { createActor } from "./act.ts";
import { createAnalyst } from "./analyst.ts";
import { createIntents } from "./intents.ts";
import { failuresBetween, newsBetween, warningsBetween } from "./notice.ts";
import { Observer } from "./observer.ts";
import { createQueue } from "./queue.ts";
import type { Timekeeper } from "./timekeeper.ts";

/** How often everything is looked at without a cause. Events make it fast; this makes it right. */
const resyncMs = 5_000;
/** A call to the platform that takes longer has failed. */
const callTimeoutMs = 120_000;
/** The same for a look at all of it: no one learns of a target's return before the look that it missed has ended. */
const lookTimeoutMs = 30_000;
/** Between tries of what failed, or of a plan that changed nothing. */
const retry = { firstMs: 200, mostMs: 10_000 };
/** Neither servers nor traffic wait for these: what fails of them holds up nothing. */
const unawaited: ReadonlySet<Action["kind"]> = new Set(["preview", "begin-run", "end-job", "forget-job"]);

export interface LoopOptions {
  /** Only services on this target are looked after, and of those that move what is on it. */
  readonly target: TargetName;
  readonly store: Store;
  readonly platform: Platform;
  readonly clock: SteadyClock;
  readonly log: Logger;
  /** What looks for drift; without it nothing is found. */
  readonly drift?: DriftSource | undefined;
  /** One for all targets: the clock is set for all of them at once. */
  readonly timekeeper: Timekeeper;
  readonly meter: Pick<Meter, "pass">;
}

/**
 * The controller's heart: observe, plan, act, for one service at a time and for all of them forever. Each target has its
 * own, so that one that is down delays only its own services.
 */
export interface Loop {
  /** Something about the service changed: look at it soon. */
  poke(service: ServiceKey): void;
  /** What the last pass saw; undefined before the first. */
  readonly seen: () => Observation | undefined;
  /** The same where it still counts: undefined as well while something is done to the service, and until a look has shown that. */
  readonly current: (service: ServiceKey) => Observation | undefined;
  readonly observer: Pick<Observer, "glance" | "see" | "requireAnswer" | "trouble">;
  /** What made the last pass over the service fail. */
  readonly trouble: (service: ServiceKey) => Trouble | undefined;
  close(): Promise<void>;
}

export function startLoop(options: LoopOptions): Loop {
  const { target, store, platform, clock, log, drift, timekeeper, meter } = options;
  const stop = new AbortController();
  const call = (timeoutMs = callTimeoutMs): Call => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]);
    return { signal, deadline: clock.now() + timeoutMs };
  };
  const poke = (service: ServiceKey) => queue.add(service);
  const desiredHere = (service: ServiceKey): DesiredService | undefined => {
    const desired = store.desired(service);
    return desired && atTarget(desired, target);
  };
  const quarantine = createQuarantine({ store, platform, clock, log, call, poke });
  const analyst = createAnalyst({ platform, clock });
  const act = createActor({
    analyst,
    quarantine,
    store,
    target,
    desired: desiredHere,
    platform,
    clock,
    call,
  });
  const intents = createIntents(store);
  const retries = new Map<ServiceKey, { readonly plan: string; readonly delayMs: number }>();
  const troubles = new Map<ServiceKey, Trouble>();
  let seen: Observation | undefined;
  /** The last action on each service that `seen` may be from before, and whether it is under way. */
  const acted = new Map<ServiceKey, { readonly ended: boolean }>();

  async function look(): Promise<Observation> {
    const before = [...acted].filter(([, { ended }]) => ended);
    const limits = call(lookTimeoutMs);
    const observation = await endingBy(limits.signal, platform.observe(limits));
    if (seen === undefined || keepNews(seen, observation)) {
      seen = observation;
      for (const [service, action] of before) if (acted.get(service) === action) acted.delete(service);
    }
    return observation;
  }
  const observer = new Observer({ name: target, clock, look });

  const current = (service: ServiceKey) => (acted.has(service) ? undefined : seen);

  /** An action may take effect at any time while it runs, so only a look that begins after its end shows it for certain. */
  async function carryOut(action: Action): Promise<void> {
    acted.set(action.service, { ended: false });
    try {
      await intents.during(action, () => act(action));
    } finally {
      acted.set(action.service, { ended: true });
    }
  }

  /** False when they cannot be recorded, on a full disk for one: the next look reports them again. */
  function keepNews(before: Observation, after: Observation): boolean {
    const news = [...newsBetween(before, after), ...warningsBetween(before, after)];
    const failures = failuresBetween(before, after);
    try {
      if (news.length + failures.length > 0) store.recordServers(news, failures);
      return true;
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "what happened to servers could not be recorded");
      return false;
    }
  }

  async function pass(service: ServiceKey, signal: AbortSignal): Promise<void> {
    try {
      const setting = timekeeper.setting();
      const observation = await observer.observe();
      if (timekeeper.setting() !== setting) return poke(service);
      const desired = desiredHere(service);
      if (desired === undefined) return forget(service);
      const view = viewOf(observation, service, platform.split);
      const { actions, wakeAtMs } = planService(desired, view, clock.now());
      if (wakeAtMs !== undefined) queue.addAt(service, wakeAtMs);
      intents.planned(service, actions);
      const holds = () =>
        timekeeper.setting() === setting && basisOf(desiredHere(service)) === basisOf(desired);
      if (!(await carryOutAll(actions, holds))) return poke(service);
      troubles.delete(service);
      if (actions.length === 0 && desired.rollout === undefined) tidy(service, view);
      lookAgain(service, actions);
    } catch (error) {
      if (signal.aborted) return;
      const { code, message, hint } = toKilnError(error);
      const known = troubles.get(service);
      if (known?.message !== message) troubles.set(service, { message, hint, sinceMs: clock.now() });
      log.warn({ service, code, message }, "a pass failed; Kiln repeats it");
      lookAgain(service, `${code}: ${message}`);
    }
  }

  /**
   * One after the other, until one fails; but some hold up nothing when they fail. False when the plan no longer holds:
   * the clock was set in between, or something else is desired, by whomever. What is left was planned before that.
   */
  async function carryOutAll(actions: readonly Action[], holds: () => boolean): Promise<boolean> {
    const faults: unknown[] = [];
    for (const action of actions) {
      if (!holds()) return false;
      try {
        await carryOut(action);
      } catch (error) {
        if (!unawaited.has(action.kind)) throw error;
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
    return true;
  }

  function forget(service: ServiceKey): void {
    intents.planned(service, []);
    retries.delete(service);
    troubles.delete(service);
  }

  /** Old releases are forgotten only when the service is at rest and none of their servers is left. */
  function tidy(service: ServiceKey, view: ServiceView): void {
    if (view.groups.size <= 1) store.pruneReleases(service);
  }

  /** At once when something was done; after a growing delay when the same was done or failed before. */
  function lookAgain(service: ServiceKey, did: readonly Action[] | string): void {
    if (did.length === 0) return void retries.delete(service);
    const plan = typeof did === "string" ? did : JSON.stringify(did);
    const before = retries.get(service);
    const same = before?.plan === plan || typeof did === "string";
    const delayMs = same ? Math.min(retry.mostMs, Math.max(retry.firstMs, 2 * (before?.delayMs ?? 0))) : 0;
    retries.set(service, { plan, delayMs });
    queue.addAt(service, clock.now() + delayMs);
  }

  async function measured(service: ServiceKey, signal: AbortSignal): Promise<void> {
    const beganMs = clock.elapsed();
    await pass(service, signal);
    meter.pass(clock.elapsed() - beganMs);
  }

  const queue = createQueue({ clock, work: measured, parallel: 8 });
  const watching = platform.watch((service) => queue.add(service));
  const respond = createResponder({
    ...{ store, target, desired: desiredHere, drift, clock, log, quarantine },
    loop: { poke, current },
  });
  const looking = drift?.watch(respond);

  /** What has to be noticed also where there is no service to look at. */
  function lookAround(): void {
    try {
      timekeeper.setting();
      endSessions(store, clock.now());
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "a new time or the end of sessions could not be recorded");
    }
  }

  async function resync(): Promise<void> {
    while (!stop.signal.aborted) {
      for (const desired of store.desiredAll())
        if (atTarget(desired, target) !== undefined) queue.add(desired.service);
      lookAround();
      if (hasWarnings(seen)) observer.observe().catch(() => {});
      await clock.sleep(resyncMs, stop.signal).catch(() => {});
    }
  }
  const resyncing = resync();

  async function close(): Promise<void> {
    watching[Symbol.dispose]();
    looking?.[Symbol.dispose]();
    stop.abort();
    await Promise.all([queue.close(), resyncing]);
  }

  return {
    poke,
    seen: () => seen,
    current,
    observer,
    trouble: (service) => troubles.get(service),
    close,
  };
}

/** Of the target itself: what is wrong with it may have to be mended without any service. */
function hasWarnings(seen: Observation | undefined): boolean {
  return seen?.warnings?.some(({ service }) => service === undefined) ?? false;
}
