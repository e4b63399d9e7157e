import type { ServiceKey } from "../../domain/ids.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { ScheduleSpec } from "../../domain/spec/job-spec.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Schedule } from "../../lib/time/schedule.ts";
import type { Store } from "../../store/store.ts";

/** How often schedules are looked at without a cause: a new release may have others. */
const resyncMs = 5_000;
/** A time that is decided so much later counts as missed. */
const lateMs = 60_000;
/** Of more missed times than these the number is no longer counted. */
const mostCounted = 10_000;
/** So many that have been read are remembered; then all are read again. */
const mostSchedules = 1_000;

export interface SchedulerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly poke: (service: ServiceKey) => void;
}

/**
 * Decides, when a time of a schedule comes, whether a run follows, and records that. The planner does the rest: here nothing is
 * begun, so a controller that ends at any moment leaves a run that is decided or one that is not.
 */
export class Scheduler {
  readonly #o: SchedulerOptions;
  readonly #stop = new AbortController();
  /** The jobs of a service whose schedules are known, as one text. */
  readonly #known = new Map<ServiceKey, string>();
  /** By time zone and text: to read a schedule takes longer than to ask it. */
  readonly #schedules = new Map<string, Schedule>();
  readonly #running: Promise<void>;

  constructor(options: SchedulerOptions) {
    this.#o = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#o;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let nextMs = resyncMs;
      try {
        nextMs = await this.#look();
      } catch (error) {
        log.warn({ err: toKilnError(error) }, "a scheduled job could not be decided on; Kiln tries again");
      }
      await clock.sleep(nextMs, signal).catch(() => {});
    }
  }

  /** Returns how long nothing is to be decided. */
  async #look(): Promise<number> {
    const { store, clock } = this.#o;
    let nextMs = resyncMs;
    for (const desired of store.desiredAll()) {
      const schedules = schedulesOf(desired);
      this.#forgetOthers(desired.service, schedules);
      for (const spec of schedules) {
        const dueMs = await this.#decide(desired, spec);
        if (dueMs !== undefined) nextMs = Math.min(nextMs, Math.max(1, dueMs - clock.now()));
      }
    }
    return nextMs;
  }

  #forgetOthers(service: ServiceKey, schedules: readonly ScheduleSpec[]): void {
    const names = schedules.map(({ name }) => name);
    if (this.#known.get(service) === names.join(" ")) return;
    this.#o.store.keepSchedules(service, names);
    this.#known.set(service, names.join(" "));
  }

  /** Returns the next time; undefined when there is none. */
  async #decide({ service, serving }: DesiredService, spec: ScheduleSpec): Promise<number | undefined> {
    const { store, clock, poke } = this.#o;
    const { next } = await this.#scheduleOf(spec);
    const nowMs = clock.now();
    const release = serving ?? 0;
    const decided = store.decided(service, spec);
    // A moment that is still to come was recorded by a clock that was ahead: it must not silence the schedule.
    if (decided === undefined || decided > nowMs) {
      store.decideTimes({ service, release, spec, decidedMs: nowMs, dueMs: undefined, missed: 0 });
      return next(nowMs);
    }
    const { newest, count, nextMs } = passed(next, decided, nowMs);
    if (newest === undefined) return nextMs;
    const missed = nowMs - newest > lateMs ? count : count - 1;
    if (store.decideTimes({ service, release, spec, decidedMs: nowMs, dueMs: newest, missed })) poke(service);
    return nextMs;
  }

  async #scheduleOf({ schedule, timeZone }: ScheduleSpec): Promise<Schedule> {
    const key = `${timeZone} ${schedule}`;
    const known = this.#schedules.get(key);
    if (known !== undefined) return known;
    // The library takes memory, and few services have schedules.
    const { parseSchedule } = await import("../../lib/time/schedule.ts");
    const parsed = parseSchedule(schedule, timeZone);
    if (this.#schedules.size >= mostSchedules) this.#schedules.clear();
    this.#schedules.set(key, parsed);
    return parsed;
  }
}

/** The times after `fromMs` that have come: how many, and the newest; and the first that has not. */
function passed(
  next: (afterMs: number) => number | undefined,
  fromMs: number,
  nowMs: number,
): { readonly newest: number | undefined; readonly count: number; readonly nextMs: number | undefined } {
  let newest: number | undefined;
  let count = 0;
  let nextMs = next(fromMs);
  for (; nextMs !== undefined && nextMs <= nowMs; nextMs = next(nextMs)) {
    newest = nextMs;
    count += 1;
    if (count === mostCounted) nextMs = nowMs - 2 * lateMs;
  }
  return { newest, count, nextMs };
}

/** The schedules of the release that serves. */
export function schedulesOf({ serving, releases, removed }: DesiredService): readonly ScheduleSpec[] {
  if (serving === undefined || removed) return [];
  return releases.get(serving)?.schedules ?? [];
}
