import type { Guard } from "../api/contract/guard.ts";
import type { Operations } from "../api/contract/types.ts";
import type { Grant } from "../domain/access/access.ts";
import { noEnvironment } from "../domain/access/access.ts";
import type { SourceActor } from "../domain/access/actor.ts";
import { type ServiceKey, serviceOf } from "../domain/ids.ts";
import { environmentOf } from "../domain/spec/network.ts";
import type { Store } from "../store/store.ts";
import { mayExchange, sees } from "./guard.ts";
import { createOwners } from "./owners.ts";
import { requireAllowed } from "./places.ts";
import { mayOverride, mayUse } from "./rights.ts";

/**
 * For the deploy of a commit: it may do what a pipeline could that deploys this one service. The socket is open for as long as that deploy
 * takes, and says whose requests they are, so the process has nothing that it could lose.
 */
export function sourceGuard(
  store: Store,
  operations: Pick<Operations, "services" | "images">,
  { actor, service }: { readonly actor: SourceActor; readonly service: ServiceKey },
): Guard {
  const owners = createOwners(store, operations);
  const environment = environmentOf(service) ?? noEnvironment;
  const grants: readonly Grant[] = [
    { role: "deployer", services: [serviceOf(service)], environments: [environment] },
  ];
  return {
    serves: (need) => need !== "local" && need !== "public",
    admit: () => ({
      actor: async () => actor,
      requireMay: async (entry, asked) => {
        const refusal = (await mayUse(grants, entry, asked, owners)) ?? mayOverride(grants, asked);
        if (refusal !== undefined) throw refusal;
        requireAllowed(asked, store.access.places());
      },
      requireMayExchange: (method, path) => {
        const refusal = mayExchange(grants, method, path);
        if (refusal !== undefined) throw refusal;
      },
      sees: (entry, item) => sees(grants, entry, item),
      openStream: () => ({ ended: undefined, [Symbol.dispose]: () => {} }),
    }),
  };
}
