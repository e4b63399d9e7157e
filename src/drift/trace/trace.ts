import { toKilnError } from "../../lib/errors.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { culpritOf } from "../checks/culprit.ts";
import type { DetectorParts } from "../checks/detector.ts";
import { missedEvents, missedFiles, type WatchGap } from "../gap.ts";
import { createCanary } from "./canary.ts";
import { createTraceEvents } from "./trace-events.ts";
import { openTrace, type TraceInstance, watchTrace } from "./trace-instance.ts";
import { lineSplitter, parseTraceLine } from "./trace-line.ts";
import { readTrace, type TraceReader } from "./trace-reader.ts";

/** How often it is proven that events still arrive. */
const canaryMs = 5_000;
/** Between tries to open the source; the longest is for machines that never let us. */
const reopen = { firstMs: 500, mostMs: 60_000 };
/** How long a call may take to fail after it has begun: what it would have done has been done by then. */
const callMs = 1;
/** Mounts of a process that is already gone are looked for on all servers, at most this often. */
const mountsMs = 50;

export interface TraceParts extends DetectorParts {
  /** Of the trace instance; no other installation's has it. */
  readonly name: string;
  /** Called when events begin to arrive (no reason), and when they do no more. */
  readonly changed: (reason: string | undefined) => void;
  /** Called when events may have been missed: look at everything. */
  readonly missed: (gap: WatchGap) => void;
  /** Called when something may have been done that leaves nothing to look at. Any user can cause it. */
  readonly unclear: (gap: WatchGap) => void;
  /** Called when something may be left in the server's network namespace, or in any server's. */
  readonly suspect: (subject: Subject | undefined) => void;
}

export interface Trace extends AsyncDisposable {
  /** Whether events arrive: the canary has been seen, and nothing has failed since. */
  sees(): boolean;
}

/** Sees who enters a server, mounts there or traces it, as the kernel reports it: within about a millisecond. */
export function startTrace(options: TraceParts): Trace {
  const { inspector, checks, clock, log, tell } = options;
  const stop = new AbortController();
  const canary = createCanary(clock);
  const timers = new Set<NodeJS.Timeout>();
  let sees = false;
  /** When it was proven last that events arrive. */
  let provenAt = clock.elapsed();
  let mountsAt = 0;
  let broken = Promise.withResolvers<string>();

  const missed = (reason: string) =>
    options.missed({ reason, missed: missedEvents, ms: clock.elapsed() - provenAt });

  function later(work: () => void, ms: number): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
  }

  function lookAtMounts(subject: Subject, pid: number): void {
    for (const difference of checks.look(subject, "mounts")) {
      tell(subject, { ...difference, culprit: culpritOf(pid) });
    }
  }

  function lookAtAllMounts(pid: number): void {
    if (clock.elapsed() < mountsAt) return;
    mountsAt = clock.elapsed() + mountsMs;
    later(() => {
      for (const subject of inspector.subjects()) lookAtMounts(subject, pid);
    }, mountsMs);
  }

  const events = createTraceEvents({
    tell,
    mounts: (subject, pid) => (subject ? lookAtMounts(subject, pid) : lookAtAllMounts(pid)),
    processes: (subject) => {
      for (const difference of checks.look(subject, "processes")) tell(subject, difference);
    },
    entered: canary.seen,
    unclear: (reason) => options.unclear({ reason, missed: missedFiles, ms: callMs }),
    suspect: options.suspect,
    lost: () => missed("the kernel had no room for all of its events"),
    soon: (work) => later(work, callMs),
  });
  const learning = inspector.watch(() => events.learn(inspector.subjects()));
  events.learn(inspector.subjects());

  function reader(instance: TraceInstance): TraceReader {
    const split = lineSplitter();
    const read = (chunk: string) => {
      for (const line of new Set(split(chunk))) {
        const parsed = parseTraceLine(line);
        if (parsed) events.read(parsed);
      }
    };
    return readTrace(instance.pipe, read, () =>
      broken.resolve("the process that reads its events has ended"),
    );
  }

  /** Opens the source, proves it again and again, and resolves to why it can no longer be relied on. */
  async function session(): Promise<string> {
    broken = Promise.withResolvers();
    const instance = await openTrace(options.name);
    try {
      await using _reader = reader(instance);
      using _touched = watchTrace(instance, () => missed("another program changed the trace settings"));
      return await Promise.race([broken.promise, proving(instance)]);
    } finally {
      instance.remove();
    }
  }

  async function proving(instance: TraceInstance): Promise<string> {
    while (!stop.signal.aborted) {
      const startedAt = clock.elapsed();
      if (!instance.isIntact()) return "another program changed the trace settings";
      if (!(await canary.sings(stop.signal))) return "a test event did not arrive";
      provenAt = startedAt;
      set(!stop.signal.aborted);
      await clock.sleep(canaryMs, stop.signal).catch(() => {});
    }
    return "";
  }

  function set(now: boolean, reason?: string): void {
    if (sees === now) return;
    sees = now;
    options.changed(reason);
  }

  async function run(): Promise<void> {
    let delayMs = reopen.firstMs;
    while (!stop.signal.aborted) {
      const startedMs = clock.elapsed();
      const reason = await session().catch((error) => toKilnError(error).message);
      set(false, reason);
      if (stop.signal.aborted) return;
      log.warn({ reason }, "kernel events are unavailable");
      missed(reason);
      // After a while that went well, the next try is at once.
      delayMs =
        clock.elapsed() - startedMs > canaryMs ? reopen.firstMs : Math.min(delayMs * 2, reopen.mostMs);
      await clock.sleep(delayMs, stop.signal).catch(() => {});
    }
  }
  const running = run();

  return {
    sees: () => sees,
    async [Symbol.asyncDispose]() {
      stop.abort();
      broken.resolve("");
      learning[Symbol.dispose]();
      for (const timer of timers) clearTimeout(timer);
      await running;
    },
  };
}
