import type { DriftWatch } from "../drift/drift-watch.ts";
import type { EvidenceStore } from "../drift/evidence/evidence.ts";
import { KilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type Clock, momentOf } from "../lib/time/clock.ts";
import type { SteadyClock } from "../lib/time/steady-clock.ts";
import type { Call, Platform, Readiness } from "../platform/platform.ts";
import type { Store } from "../store/store.ts";
import type { Notary } from "./audit/notary.ts";
import { createDriftOperations } from "./drift/drift.ts";
import { recordWatch } from "./drift/watch-events.ts";
import { startLoop } from "./loop/loop.ts";
import { freshLook } from "./loop/timekeeper.ts";
import { TrafficRecorder } from "./loop/traffic-recorder.ts";
import { createCommands } from "./operations/commands.ts";
import { createExec } from "./operations/exec.ts";
import type { Images } from "./operations/images.ts";
import { createQueries } from "./operations/queries.ts";
import { createReproduce } from "./operations/reproduce.ts";
import { createSecretCommands } from "./operations/secrets.ts";
import type { Operations } from "./operations.ts";

export interface ControllerOptions {
  readonly store: Store;
  readonly platform: Platform;
  /** The one that platform, store and drift watch have as well. */
  readonly clock: SteadyClock;
  readonly log: Logger;
  /** Absent where servers are not looked at. */
  readonly drift?: DriftWatch;
  /** Absent where no evidence is kept. */
  readonly evidence?: EvidenceStore;
  readonly images: Images;
  /** What `kiln controller status` says of this process. */
  readonly self: { readonly pid: number; readonly version: string; readonly home: string };
  /** Called when someone asks the controller to stop. */
  readonly onShutdown: () => void;
}

/** Everything but what the notary answers. */
export interface Controller extends Omit<Operations, keyof Notary> {
  /** Ends all passes; servers and router keep running. */
  close(): Promise<void>;
}

/** A call made for a user may take this long: preparing an image for the first time is the slowest. */
const requestTimeoutMs = 120_000;

/** How long a good answer of the platform's probe counts. `kiln doctor` always asks again. */
const probeLastsMs = 60_000;

/** For a caller that never ends early. */
const neverAborted = new AbortController().signal;

/** Starts the loop over everything desired, and answers what can be asked. */
export function startController(options: ControllerOptions): Controller {
  const { store, platform, clock, log, images, self } = options;
  const startedMs = clock.elapsed();
  freshLook(store, clock.now());
  const loop = startLoop({ store, platform, clock, log, drift: options.drift });
  const telling = options.drift && recordWatch(options.drift, store, log);
  const call = (): Call => ({
    signal: AbortSignal.timeout(requestTimeoutMs),
    deadline: clock.now() + requestTimeoutMs,
  });
  const recorder = new TrafficRecorder({
    store,
    traffic: platform.traffic,
    clock,
    log,
    call,
    seen: loop.seen,
  });
  const probe = remembered(() => platform.probe(call()), clock);
  return {
    ...createCommands({ store, platform, images, clock, loop, call }),
    ...createSecretCommands(store),
    ...createQueries({ store, clock, observe: loop.observe, trouble: loop.trouble, images }),
    ...createDriftOperations({
      ...{ store, platform, call, observe: loop.observe, poke: loop.poke },
      ...{ drift: options.drift, evidence: options.evidence },
    }),
    ...createReproduce({ store, platform, call, observe: loop.observe, poke: loop.poke }),
    ...createExec({ store, platform, clock, call, observe: loop.observe, poke: loop.poke }),
    logs: ({ server, ...how }, { signal = neverAborted } = {}) => {
      if (platform.logs !== undefined) return platform.logs.read(server, how, signal);
      throw new KilnError("platform_unusable", `The platform ${platform.name} keeps no logs.`);
    },
    info: async () => {
      const [readiness, observation] = await Promise.all([probe(), loop.observe()]);
      const servers = observation.groups.reduce((sum, g) => sum + g.servers.length, 0);
      return {
        ...self,
        startedAtMs: momentOf(clock, startedMs),
        services: store.desiredAll().length,
        servers,
        readiness,
      };
    },
    shutdown: async () => options.onShutdown(),
    close: async () => {
      telling?.[Symbol.dispose]();
      await Promise.all([recorder.close(), loop.close()]);
    },
  };
}

/** A probe really tries what it reports, mounts among it; a machine that was found usable is not asked again at once. */
function remembered(probe: () => Promise<Readiness>, clock: Clock): () => Promise<Readiness> {
  let last: { readonly readiness: Readiness; readonly sinceMs: number } | undefined;
  return async () => {
    if (last?.readiness.usable && clock.elapsed() - last.sinceMs < probeLastsMs) return last.readiness;
    const readiness = await probe();
    last = { readiness, sinceMs: clock.elapsed() };
    return readiness;
  };
}
