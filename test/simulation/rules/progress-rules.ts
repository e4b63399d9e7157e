import type { ServiceKey } from "../../../src/domain/ids.ts";
import type { Observation } from "../../../src/domain/observation.ts";
import type { RecordChange } from "../../../src/domain/rollout/actions.ts";
import type { Rollout } from "../../../src/domain/rollout/rollout.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Verdict } from "./verdict.ts";

/** Until a pass that is due has been made: the loop's longest pause and a look. */
const passMs = 20_000;
/** From a job's deadline until it counts as failed, whatever becomes of it; and a pass. */
const jobEndMs = 60_000 + passMs;

interface Course {
  readonly rollout: number;
  readonly phase: Rollout["phase"];
  readonly step: number;
  /** Changes when a job begins or ends. */
  readonly jobs: number;
  readonly highest: number;
  /** Changes when a person resumes or promotes it. */
  readonly judgedFromMs: number;
  /** When it last came forward, or began anew because its controller had been away. */
  readonly atMs: number;
  /** When the step's traffic had moved. */
  readonly movedMs: number | undefined;
  readonly movedAtMs: number | undefined;
  /** Since when all servers of the step have been ready, as far as was seen. */
  readonly wholeMs: number | undefined;
  /** Looks in a row that showed too few ready servers after its time was over. */
  readonly lateLooks: number;
}

/** A pass that failed between one look and the next is no excuse for not giving up at the third. */
const mostLateLooks = 3;

/** Reckons, apart from the product, how far each rollout has come and how long it may take. */
export class ProgressRules {
  readonly #k: Knowledge;
  readonly #verdict: Verdict;
  readonly #courses = new Map<ServiceKey, Course>();

  constructor(knowledge: Knowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  /** A new controller: what stood still while there was none gets a fresh look. */
  begin(): void {
    const atMs = this.#k.now();
    for (const [service, course] of this.#courses)
      this.#courses.set(service, { ...course, atMs, lateLooks: 0 });
  }

  /** The clock was set, and what is recorded is told in its new time; for how long all of it lasts stays as it was. */
  onMoments(byMs: number): void {
    for (const [service, course] of this.#courses) {
      const { judgedFromMs, movedAtMs } = course;
      const moved = movedAtMs === undefined ? {} : { movedAtMs: movedAtMs + byMs };
      this.#courses.set(service, { ...course, judgedFromMs: judgedFromMs + byMs, ...moved });
    }
  }

  onDesired(service: ServiceKey): void {
    const rollout = this.#k.desired.get(service)?.rollout;
    if (rollout === undefined) return void this.#courses.delete(service);
    const before = this.#courses.get(service);
    const { id, phase, step, judgedFromMs, movedAtMs } = rollout;
    const jobs = rollout.jobs.length + rollout.jobs.filter((job) => job.end !== undefined).length;
    const moved = movedAtMs === before?.movedAtMs ? before?.movedMs : this.#k.now();
    const movedMs = movedAtMs === undefined ? undefined : moved;
    if (
      before?.rollout === id &&
      before.phase === phase &&
      before.step === step &&
      before.jobs === jobs &&
      before.judgedFromMs === judgedFromMs
    ) {
      this.#courses.set(service, { ...before, movedMs, movedAtMs });
      return;
    }
    const highest = before?.rollout === id ? before.highest : 0;
    const atMs = this.#k.now();
    const at = { rollout: id, phase, step, jobs, judgedFromMs, movedAtMs };
    this.#courses.set(service, { ...at, highest, atMs, movedMs, wholeMs: undefined, lateLooks: 0 });
  }

  onObserved({ groups }: Observation): void {
    for (const [service, course] of this.#courses) {
      const rollout = this.#k.desired.get(service)?.rollout;
      const group = groups.find((g) => g.service === service && g.release === rollout?.to);
      const ready = group?.servers.filter((s) => s.state === "ready").length ?? 0;
      const whole = group !== undefined && ready >= (group.size ?? Number.POSITIVE_INFINITY);
      const further = course.phase === "forward" && ready > course.highest;
      const now = this.#k.now();
      const late = !whole && !further && rollout !== undefined && now > this.#latestMs(course, rollout);
      this.#courses.set(service, {
        ...course,
        ...(further ? { highest: ready, atMs: now } : {}),
        wholeMs: whole ? (course.wholeMs ?? now) : undefined,
        lateLooks: late ? course.lateLooks + 1 : 0,
      });
    }
  }

  /** A deadline is not over before it is over. */
  onRecord(service: ServiceKey, change: RecordChange, reason: string): void {
    const course = this.#courses.get(service);
    const rollout = this.#k.desired.get(service)?.rollout;
    if (course === undefined || rollout === undefined || !isAboutTime(change, rollout, reason)) return;
    const deadlineMs = this.#deadlineMs(course, rollout);
    this.#verdict.expect(
      this.#k.now() >= deadlineMs - 1_000,
      "deadline-in-full",
      () => `rollout ${rollout.id} is given up ${deadlineMs - this.#k.now()} ms before its time: ${reason}`,
    );
  }

  /** No phase lasts longer than its deadline, once nothing stands in the way. */
  step(service: ServiceKey): void {
    const course = this.#courses.get(service);
    const desired = this.#k.desired.get(service);
    const rollout = desired?.rollout;
    if (course === undefined || rollout === undefined || course.phase === "paused") return;
    const stuck = () =>
      `rollout ${rollout.id} of ${service} is ${course.phase} at step ${course.step} and came forward last ${now - course.atMs} ms ago`;
    const now = this.#k.now();
    // Looks are all that giving up needs. Where two services share them, one may wait for its calls meanwhile.
    if (course.phase === "forward" && this.#k.services.length === 1) {
      this.#verdict.expect(course.lateLooks < mostLateLooks, "no-rollout-is-stuck", stuck);
    }
    const holdMs = rollout.steps[rollout.step]?.holdMs ?? 0;
    const lateMs = this.#latestMs(course, rollout) + (desired?.drainMs ?? 0) + passMs;
    const heldMs = course.wholeMs === undefined ? 0 : course.wholeMs + holdMs + passMs;
    if (now < Math.max(lateMs, heldMs) || !this.#k.isUndisturbed(passMs)) return;
    this.#verdict.fail("no-rollout-is-stuck", stuck());
  }

  /** As long as a job runs, its own deadline counts. */
  #latestMs(course: Course, rollout: Rollout): number {
    const job = rollout.jobs.find((run) => run.end === undefined);
    const jobMs = job === undefined ? 0 : course.atMs + job.deadlineMs + jobEndMs;
    return Math.max(jobMs, this.#deadlineMs(course, rollout));
  }

  #deadlineMs(course: Course, { policy, steps, step }: Rollout): number {
    const held = course.movedMs === undefined ? 0 : course.movedMs + (steps[step]?.holdMs ?? 0);
    return Math.max(course.atMs, held) + policy.progressDeadlineMs;
  }
}

/** Whether the planner gives up because time is over; servers that fail are a reason at any time. */
function isAboutTime(change: RecordChange, { phase }: Rollout, reason: string): boolean {
  if (change.kind !== "turn-back" && change.kind !== "pause" && change.kind !== "end") return false;
  if (phase === "back") return reason.includes("did not come back in time");
  return /became ready within .* min|did not go in time|could not be moved .* within/.test(reason);
}
