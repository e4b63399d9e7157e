import { strict as assert } from "node:assert";
import { previewedBy } from "../../src/domain/ids.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { KilnError } from "../../src/lib/errors.ts";
import { type SteadyClock, steadyClock } from "../../src/lib/steady-clock.ts";
import type { FakeCall } from "../../src/platform/fake/world.ts";
import type { Fleet } from "../../src/platform/fleet/fleet.ts";
import type { Host } from "../../src/platform/fleet/host.ts";
import type { Prober } from "../../src/platform/fleet/prober.ts";
import type { Router } from "../../src/router/router.ts";
import type { Store } from "../../src/store/store.ts";
import type { Fate } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Referee } from "./referee.ts";

/** What stands between the product and the simulated world: faults come in here, and the referee looks on. */
export interface Seams {
  readonly life: Life;
  readonly referee: Referee;
  /** Real time. */
  readonly time: Clock;
  readonly fateOf: (call: FakeCall) => Fate;
}

/** The start of every message of a fault that the simulation made: any other fault is a finding. */
export const injected = "injected:";

/** Runs one call of the product to the world: delayed, refused, lost, or cut off by the controller's death. */
async function through<T>(
  { life, referee, time, fateOf }: Seams,
  call: FakeCall,
  signal: AbortSignal,
  work: () => Promise<T>,
  forgotten?: T,
): Promise<T> {
  if (life.beat(`before ${call.operation}`)) return life.never();
  signal.throwIfAborted();
  const fate = fateOf(call);
  referee.onCall(call, fate);
  try {
    if (fate.beforeMs > 0) await time.sleep(fate.beforeMs, signal);
    if (life.isOver && !life.orphansGoOn) return life.never();
    if (fate.outcome === "failed") throw new KilnError("internal", `${injected} ${call.operation} failed`);
    referee.onBegin(call, life);
    const result = fate.outcome === "forgotten" ? (forgotten as T) : await work();
    referee.onEffect(call, fate, life);
    if (fate.afterMs > 0) await time.sleep(fate.afterMs, signal);
    if (life.beat(`after ${call.operation}`)) return life.never();
    if (fate.outcome === "lost")
      throw new KilnError("internal", `${injected} ${call.operation}'s answer was lost`);
    return result;
  } catch (error) {
    if (life.isOver) return life.never();
    throw error;
  }
}

export function seamHost(host: Host, seams: Seams): Host {
  const { referee, life } = seams;
  const call = (operation: string, subject?: string): FakeCall => ({ part: "host", operation, subject });
  return {
    ...host,
    list: (c) => through(seams, call("list"), c.signal, () => host.list(c)),
    create: (server, c) => {
      referee.onCreate(server, life);
      referee.knowledge.machine.meet(server.release);
      // A controller that is killed while it creates leaves half of a server behind.
      const signal = AbortSignal.any([c.signal, life.cut]);
      return through(seams, call("create", server.id), c.signal, () => host.create(server, { ...c, signal }));
    },
    retire: (id, c) => through(seams, call("retire", id), c.signal, () => host.retire(id, c)),
    stop: (id, graceMs, c) => {
      referee.onStop(id, "stop", life);
      return through(seams, call("stop", id), c.signal, () => host.stop(id, graceMs, c));
    },
    destroy: (id, c) => {
      referee.onStop(id, "destroy", life);
      return through(seams, call("destroy", id), c.signal, () => host.destroy(id, c));
    },
    runJob: (job, c) => {
      referee.onRunJob(job, life);
      const { runJob } = host;
      assert(runJob !== undefined, "the fake host runs jobs");
      const signal = AbortSignal.any([c.signal, life.cut]);
      return through(seams, call("create", job.id), c.signal, () => runJob(job, { ...c, signal }));
    },
    quarantine: (id, reason, c) => {
      referee.onFreeze(id, life);
      return through(seams, call("quarantine", id), c.signal, () => host.quarantine(id, reason, c));
    },
    check: (release, c) =>
      through(seams, call("check", release.service), c.signal, () => host.check(release, c)),
    prepare: (release, c) =>
      through(seams, call("prepare", release.service), c.signal, () => host.prepare(release, c)),
    watch: (ended) => host.watch((id) => !life.isOver && ended(id)),
  };
}

export function seamRouter(router: Router, seams: Seams): Router {
  const { referee, life } = seams;
  const { machine } = referee.knowledge;
  const call = (operation: string, subject?: string): FakeCall => ({ part: "router", operation, subject });
  const changing = (service: string, operation: string, signal: AbortSignal, work: () => Promise<void>) =>
    through(seams, call(operation, service), signal, async () => {
      const before = machine.takers(service);
      await work();
      if (previewedBy(service) === undefined) machine.trafficChanged(service, before);
    });
  return {
    ...router,
    observe: (o) => through(seams, call("observe"), o.signal, () => router.observe(o)),
    apply: (routed, o) => {
      referee.onApply(routed, life);
      return changing(routed.service, "apply", o.signal, () => router.apply(routed, o));
    },
    remove: (service, o) => {
      referee.onRemove(service, life);
      return changing(service, "remove", o.signal, () => router.remove(service, o));
    },
    open: (service, id, o) =>
      through(seams, call("open", service), o.signal, () => router.open(service, id, o)),
    counts: (service, o) =>
      through(seams, call("counts", service), o.signal, () => {
        if (service !== undefined) machine.countRequests(service);
        return router.counts(service, o);
      }),
    check: (service, doors, o) =>
      through(seams, call("check", service), o.signal, () => router.check(service, doors, o)),
  };
}

export function seamProber(prober: Prober, { life, referee }: Seams): Prober {
  return {
    probe: async (target, signal) => {
      if (life.isOver) return life.never();
      const result = await prober.probe(target, signal);
      if (life.isOver) return life.never();
      if (!signal.aborted) referee.onProbe(target.id, result.ok, life);
      return result;
    },
  };
}

/** What one controller goes by. `now`: what the machine's clock shows. */
export function seamClock(now: () => number, { life, time }: Seams): SteadyClock {
  return steadyClock({
    now,
    elapsed: () => time.now(),
    sleep: async (ms, signal) => {
      if (life.beat("before a sleep")) return life.never();
      try {
        await time.sleep(ms, signal);
      } catch (error) {
        if (life.isOver) return life.never();
        throw error;
      }
      if (life.isOver) return life.never();
    },
  });
}

/** Calls of the controller to its platform: what the planner decided, seen before the fleet acts on it. */
export function seamPlatform(fleet: Fleet, { referee, life, time }: Seams): Fleet {
  return {
    name: fleet.name,
    split: fleet.split,
    ...(fleet.logs === undefined ? {} : { logs: fleet.logs }),
    probe: (c) => fleet.probe(c),
    observe: async (c) => {
      const sinceMs = time.now();
      try {
        const observation = await fleet.observe(c);
        referee.onObserved(observation, sinceMs, life);
        return observation;
      } catch (error) {
        referee.onObserveFailed(error, life);
        throw error;
      }
    },
    resize: (group, size, c) => {
      referee.onResize(group, size, life);
      return fleet.resize(group, size, c);
    },
    route: (service, shares, releases, c) => {
      referee.onRoute(service, shares, life);
      return fleet.route(service, shares, releases, c);
    },
    preview: (service, release, c) => {
      referee.onPreview(service, release?.number, life);
      return fleet.preview(service, release, c);
    },
    quarantine: (server, reason, c) => {
      referee.onQuarantine(server, life);
      return fleet.quarantine(server, reason, c);
    },
    retire: (server, c) => {
      referee.onRetire(server, life);
      return fleet.retire(server, c);
    },
    destroy: (server, c) => {
      referee.onDestroy(server, life);
      return fleet.destroy(server, c);
    },
    watch: (changed) => fleet.watch((service) => !life.isOver && changed(service)),
    ...(fleet.traffic === undefined ? {} : { traffic: fleet.traffic }),
    ...(fleet.jobs === undefined ? {} : { jobs: fleet.jobs }),
    preflight: async (release, c) => fleet.preflight?.(release, c),
    publish: async (release, c) => fleet.publish?.(release, c),
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  };
}

/** Every change of the store is seen, and may be the last thing that its controller does. */
export function seamStore(store: Store, { referee, life }: Seams): Store {
  const methods = Object.entries(store).filter(([, member]) => typeof member === "function");
  const guarded = methods.map(([name, method]) => {
    const call = (...args: readonly unknown[]) => {
      life.assertAlive();
      if (name === "apply") referee.onRecord(args as unknown as Parameters<Store["apply"]>, life);
      const result: unknown = (method as (...args: readonly unknown[]) => unknown)(...args);
      if (changes.has(name)) {
        referee.onStored(store, name, args);
        if (life.beat(`after ${name}`)) life.assertAlive();
      }
      return result;
    };
    return [name, call];
  });
  return { ...store, ...Object.fromEntries(guarded) } satisfies Store;
}

const changes = new Set([
  "startDeploy",
  "startRollback",
  "setCount",
  "setPolicy",
  "setUpkeep",
  "taint",
  "takeTainted",
  "recordEvidence",
  "markRemoved",
  "apply",
  "abort",
  "pruneReleases",
  "recordServers",
  "pause",
  "resume",
  "promote",
  "moveMoments",
]);
