import { silentLog } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { createFleet, type Fleet, type FleetOptions } from "../fleet/fleet.ts";
import { fakeHost } from "./fake-host.ts";
import { fakeProber } from "./fake-prober.ts";
import { fakeRouter } from "./fake-router.ts";
import { FakeWorld } from "./world.ts";

/**
 * A platform in memory: the real fleet over a fake host and router. Calling it again with the same world is what a new
 * controller finds after the former one has ended; dispose of the former one first.
 */
export function fakePlatform(
  clock: Clock,
  options: { readonly world?: FakeWorld } & Partial<
    Pick<FleetOptions, "parallelism" | "log" | "requireStartable">
  > = {},
): { readonly platform: Fleet; readonly world: FakeWorld } {
  const { world = new FakeWorld(clock), log = silentLog, ...others } = options;
  const platform = createFleet({
    host: fakeHost(world),
    router: fakeRouter(world),
    prober: fakeProber(world),
    clock,
    log,
    ...others,
  });
  return { platform, world };
}
