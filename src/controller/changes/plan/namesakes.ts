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
  const others = store
    .desiredAll()
    .filter((other) => other.service !== service && !other.removed)
    .filter((other) => environmentOf(other.service) === environmentOf(service))
    .filter((other) => servingOf(other)?.image === release.image)
    .map((other) => other.service);
  if (others.length === 0) return [];
  const more = others.length > mostNamed ? `, and ${others.length - mostNamed} more` : "";
  const named = `${others.slice(0, mostNamed).join(", ")}${more}`;
  const [serve, stay, it] =
    others.length === 1 ? ["serves", "stays", "it"] : ["serve", "stay", "one of them"];
  return [
    `another service: ${named} ${serve} the same image, and ${stay}. If ${it} was renamed, see docs/rollouts.md, "Renaming a service"`,
  ];
}

const mostNamed = 3;

/** `.staging` of `shop.staging`; empty for none. */
function environmentOf(service: ServiceKey): string {
  return service.slice(serviceOf(service).length);
}
