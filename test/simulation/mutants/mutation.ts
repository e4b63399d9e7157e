import type { SteadyClock } from "../../../src/lib/time/steady-clock.ts";
import type { Platform } from "../../../src/platform/contract/platform.ts";
import type { Prober } from "../../../src/platform/fleet/health/prober.ts";
import type { Host } from "../../../src/platform/fleet/host.ts";
import type { Router } from "../../../src/router/router.ts";
import type { Store } from "../../../src/store/store.ts";
import type { Machine } from "../fleet/machine.ts";

/** A deliberate bug, between the product and the simulated world: for tests of the simulation itself. */
export interface Mutation {
  /** Host, router and prober: of a fleet alone. */
  readonly host?: (host: Host, machine: Machine) => Host;
  readonly router?: (router: Router, machine: Machine) => Router;
  readonly prober?: (prober: Prober) => Prober;
  readonly platform?: (platform: Platform) => Platform;
  readonly store?: (store: Store, now: () => number) => Store;
  /** The controller's clock; the fleet keeps a sound one. */
  readonly clock?: (clock: SteadyClock) => SteadyClock;
}
