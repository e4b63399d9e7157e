import type { accessTable } from "../api/contract/access/operations.ts";
import type { sourceTable } from "../api/contract/sources/operations.ts";
import type { webhookTable } from "../api/contract/webhooks/operations.ts";
import type { EvidenceStore } from "../drift/evidence/evidence.ts";
import type { Logger } from "../lib/log.ts";
import { momentOf } from "../lib/time/clock.ts";
import type { SteadyClock } from "../lib/time/steady-clock.ts";
import type { Call } from "../platform/contract/call.ts";
import type { Store } from "../store/store.ts";
import type { Auditor } from "./audit/auditor.ts";
import { createCommands } from "./changes/operations.ts";
import { createDriftOperations } from "./drift/drift.ts";
import type { Images } from "./images/images.ts";
import type { ImageOperations } from "./images/operations.ts";
import type { ImageReleasing } from "./images/releasing-images.ts";
import { createJobOperations } from "./jobs/operations.ts";
import { Scheduler } from "./jobs/scheduler.ts";
import { createTimekeeper, freshLook } from "./loop/timekeeper.ts";
import { Meter } from "./metrics/meter.ts";
import type { Operations } from "./operations.ts";
import { createPolicyOperations } from "./policy/operations.ts";
import { createTrustOperations } from "./policy/trust.ts";
import { createAccessLog } from "./servers/access-log.ts";
import { createExec } from "./servers/exec.ts";
import { createLogs } from "./servers/logs.ts";
import { createReproduce } from "./servers/reproduce.ts";
import { createQueries } from "./services/queries.ts";
import { createSecretCommands } from "./services/secrets.ts";
import { createUsage } from "./services/usage.ts";
import { createTargetOperations, type Platforms } from "./targets/operations.ts";
import type { OpenTarget } from "./targets/site.ts";
import { Targets } from "./targets/targets.ts";
import { createVolumeOperations } from "./volumes/operations.ts";

export interface ControllerOptions {
  readonly store: Store;
  /** `local` among them. */
  readonly targets: readonly OpenTarget[];
  readonly platforms: Platforms;
  /** The one that platforms, store and drift watches have as well. */
  readonly clock: SteadyClock;
  readonly log: Logger;
  /** Absent where no evidence is kept. */
  readonly evidence?: EvidenceStore;
  readonly images: Images;
  /** Counts for `/metrics`. */
  readonly meter?: Meter;
  /** What `kiln controller status` says of this process. */
  readonly self: {
    readonly pid: number;
    readonly version: string;
    readonly home: string;
    readonly installation: string;
  };
  /** Called when someone asks the controller to stop. */
  readonly onShutdown: () => void;
}

/** Everything but what the auditor, the store of images, the figures and the parts about access and webhooks answer. */
export interface Controller
  extends Omit<
    Operations,
    | keyof Auditor
    | keyof ImageOperations
    | keyof ImageReleasing
    | keyof typeof accessTable
    | keyof typeof webhookTable
    | keyof typeof sourceTable
    | "figures"
  > {
  /** Ends all passes; servers and router keep running. */
  close(): Promise<void>;
}

/** A call made for a user may take this long: preparing an image for the first time is the slowest. */
const requestTimeoutMs = 120_000;

/** Starts the loop over everything desired, and answers what can be asked. */
export function startController(options: ControllerOptions): Controller {
  const { store, clock, log, images, self, meter = new Meter() } = options;
  const startedMs = clock.elapsed();
  freshLook(store, clock.now());
  const timekeeper = createTimekeeper(store, clock);
  const targets = new Targets(options.targets, { store, clock, log, timekeeper, meter });
  const scheduler = new Scheduler({ store, clock, log, poke: (service) => targets.poke(service) });
  const call = (): Call => ({
    signal: AbortSignal.timeout(requestTimeoutMs),
    deadline: clock.now() + requestTimeoutMs,
  });
  const queries = createQueries({ store, clock, targets, images });
  return {
    ...createCommands({ store, targets, images, clock, call }),
    ...createSecretCommands(store),
    ...createTrustOperations(store),
    ...createPolicyOperations(store, clock),
    ...createVolumeOperations({ store, targets, call }),
    ...createTargetOperations({ store, targets, platforms: options.platforms }),
    ...queries,
    ...createDriftOperations({ store, targets, call, evidence: options.evidence }),
    ...createJobOperations({ store, clock, targets }),
    ...createReproduce({ store, targets, call }),
    ...createExec({ store, targets, clock, call }),
    ...createAccessLog({ store, targets }),
    ...createUsage({ store, targets, clock }),
    ...createLogs({ store, targets, clock, status: queries.status }),
    info: async () => {
      const glances = await Promise.all(targets.all.map(({ loop }) => loop.observer.glance()));
      const groups = glances.flatMap(({ observation }) => observation?.groups ?? []);
      return {
        ...self,
        startedAtMs: momentOf(clock, startedMs),
        services: store.desiredAll().length,
        servers: groups.reduce((sum, group) => sum + group.servers.length, 0),
      };
    },
    shutdown: async () => options.onShutdown(),
    close: async () => {
      await scheduler.close();
      await targets.close();
    },
  };
}
