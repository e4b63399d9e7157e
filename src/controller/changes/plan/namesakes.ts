import { type ServiceKey, serviceOf } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { Store } from "../../../store/store.ts";
import { servingOf } from "../wanted.ts";

/**
 * For the first release of a service: the services of its environment that serve the very same image, command included. Mostly
 * it is one of them under a new name, and who renamed it does not expect two.
 */
export function namesakeWords(
  store: Pick<Store, "desired" | "desiredAll">,
  service: ServiceKey,
  release: Pick<Release, "image"> | undefined,
): readonly string[] {
  if (release === undefined || servingOf(store.desired(service)) !== undefined) return [];
  return store
    .desiredAll()
    .filter((other) => other.service !== service && !other.removed)
    .filter((other) => environmentOf(other.service) === environmentOf(service))
    .filter((other) => servingOf(other)?.image === release.image)
    .map(
      (other) =>
        `a second service: ${other.service} serves the same image, and stays. If it was renamed, see docs/rollouts.md, "Renaming a service"`,
    );
}

/** `.staging` of `shop.staging`; empty for none. */
function environmentOf(service: ServiceKey): string {
  return service.slice(serviceOf(service).length);
}
