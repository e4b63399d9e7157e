import { KilnError, toKilnError } from "../../src/lib/errors.ts";
import type { Clock } from "../../src/lib/time/clock.ts";
import { type SteadyClock, steadyClock } from "../../src/lib/time/steady-clock.ts";
import type { Platform } from "../../src/platform/contract/platform.ts";
import type { Store } from "../../src/store/store.ts";
import type { Fate, WorldCall } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Referee } from "./rules/referee.ts";

/** What stands between the product and the simulated world: faults come in here, and the referee looks on. */
export interface Seams<Judge extends Referee = Referee> {
  readonly life: Life;
  readonly referee: Judge;
  /** Real time. */
  readonly time: Clock;
  readonly fateOf: (call: WorldCall) => Fate;
}

/** The start of every message of a fault that the simulation made: any other fault is a finding. */
export const injected = "injected:";

/** Runs one call of the product to the world: delayed, refused, lost, or cut off by the controller's death. */
export async function through<T>(
  { life, referee, time, fateOf }: Seams,
  call: WorldCall,
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
    if (fate.outcome === "failed") throw new KilnError("internal", failureWords(call.operation));
    referee.onBegin(call, life);
    const result = fate.outcome === "forgotten" ? (forgotten as T) : await work();
    referee.onEffect(call, life);
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

function failureWords(operation: string): string {
  return `${injected} ${operation} failed`;
}

/** Whether a call that threw has changed nothing. */
function isUndone(error: unknown, operation: string): boolean {
  const { code, message } = toKilnError(error);
  return code === "quota_exceeded" || message === failureWords(operation);
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

/** Calls of the controller to its platform: what the planner decided, seen before the platform acts on it. */
export function seamPlatform(platform: Platform, { referee, life, time }: Seams): Platform {
  const { preview, quarantine, preflight, publish } = platform;
  return {
    name: platform.name,
    split: platform.split,
    probe: (c) => platform.probe(c),
    observe: async (c) => {
      const sinceMs = time.now();
      try {
        const observation = await platform.observe(c);
        referee.onObserved(observation, sinceMs, life);
        return observation;
      } catch (error) {
        referee.onObserveFailed(error, life);
        throw error;
      }
    },
    resize: async (group, size, c) => {
      referee.onResize(group, size, life);
      try {
        await platform.resize(group, size, c);
      } catch (error) {
        if (isUndone(error, "resize")) referee.onUndone(group, life);
        throw error;
      }
    },
    route: (service, shares, releases, c) => {
      referee.onRoute(service, shares, life);
      return platform.route(service, shares, releases, c);
    },
    retire: (server, c) => {
      referee.onRetire(server, life);
      return platform.retire(server, c);
    },
    destroy: (server, c) => {
      referee.onDestroy(server, life);
      return platform.destroy(server, c);
    },
    watch: (changed) => platform.watch((service) => !life.isOver && changed(service)),
    ...(preview && {
      preview: (service, release, c) => {
        referee.onPreview(service, release?.number, life);
        return preview.call(platform, service, release, c);
      },
    }),
    ...(quarantine && {
      quarantine: (server, reason, c) => {
        referee.onQuarantine(server, life);
        return quarantine.call(platform, server, reason, c);
      },
    }),
    ...(preflight && { preflight: async (release, c) => preflight.call(platform, release, c) }),
    ...(publish && { publish: async (release, c) => publish.call(platform, release, c) }),
    ...(platform.logs && { logs: platform.logs }),
    ...(platform.usage && { usage: platform.usage }),
    ...(platform.traffic && { traffic: platform.traffic }),
    ...(platform.jobs && { jobs: platform.jobs }),
    ...(platform.volumes && { volumes: platform.volumes }),
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
  // What the store has in parts of its own is asked by living controllers alone, too.
  const parts = Object.entries(store).filter(([, member]) => typeof member === "object" && member !== null);
  const alive = parts.map(([name, part]) => [name, onlyAlive(part as object, () => life.assertAlive())]);
  return { ...store, ...Object.fromEntries([...guarded, ...alive]) } satisfies Store;
}

function onlyAlive(part: object, assertAlive: () => void): object {
  return new Proxy(part, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]) => {
        assertAlive();
        return member.apply(target, args);
      };
    },
  });
}

/** Methods of the store that change it. */
export const changes: ReadonlySet<string> = new Set([
  "startDeploy",
  "startRollback",
  "startMove",
  "giveUp",
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
