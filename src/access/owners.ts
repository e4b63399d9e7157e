import type { Operations } from "../api/contract/types.ts";
import type { Store } from "../store/store.ts";
import type { Owners } from "./rights.ts";

/** By the event log first, which knows servers that are gone; then by what is there now. */
export function createOwners(
  store: Store,
  { services, images }: Pick<Operations, "services" | "images">,
): Owners {
  return {
    server: async (server) => {
      const [event] = store.events({ server, newest: 1 });
      if (event?.service !== undefined) return event.service;
      const holds = (all: readonly { readonly id: string }[]) => all.some(({ id }) => id === server);
      const all = await services({});
      return all.find((one) => holds(one.servers) || holds(one.reproductions) || holds(one.jobs))?.service;
    },
    rollout: (id) => store.rollout(id)?.service,
    image: async (digest) => {
      const all = await images({});
      return all.filter((one) => one.digest === digest).map(({ service }) => service);
    },
  };
}
