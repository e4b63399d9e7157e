import type { Asker } from "../../domain/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Rollout } from "../../domain/rollout.ts";
import type { Accepted } from "../operations.ts";
import type { Change } from "./change.ts";

/** What someone does to the running rollout. */
export function steering(
  how: "abort" | "pause" | "promote" | "resume",
  service: ServiceKey,
  by: Asker,
): Change<Rollout> {
  return { service, record: (store) => store[how](service, by) };
}

/** More or fewer servers of the same release. */
export function scaling(service: ServiceKey, count: number, by: Asker): Change<Accepted> {
  return {
    service,
    record: (store) => {
      const from = store.setCount(service, count, by);
      const { rollout, serving = 0 } = store.desired(service) ?? {};
      const scaled = from === count ? undefined : { from, to: count };
      return { service, release: rollout?.to ?? serving, rollout: rollout?.id, scaled };
    },
  };
}

/** Nothing of the service is left at the end. */
export function removing(service: ServiceKey, by: Asker): Change<void> {
  return { service, record: (store) => store.markRemoved(service, by) };
}
