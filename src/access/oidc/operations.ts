import type { Operations } from "../../api/contract/types.ts";
import { loginText } from "../../domain/access/login-text.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import type { NetworkListener } from "../network.ts";
import type { Revocations } from "../revocations.ts";
import { IdentityExchange } from "./exchange.ts";
import { requireNarrow } from "./narrow.ts";

export type PipelineOperations = Pick<
  Operations,
  "exchangeIdentity" | "trustPipelines" | "distrustPipelines"
>;

/** Which pipelines get access, and how they get it. */
export function createPipelineOperations(
  store: Store,
  clock: Clock,
  { network, revocations }: { readonly network: NetworkListener; readonly revocations: Revocations },
): PipelineOperations {
  const exchange = new IdentityExchange(store, clock);
  return {
    exchangeIdentity: async (asked, { actor }) => {
      const { open } = network;
      if (open === undefined) throw notListening();
      const address = actor.via === "token" ? actor.address : "this machine";
      return await exchange.exchange(asked, { pin: open.pin, address });
    },
    trustPipelines: async ({ reason, ...rule }, { actor }) => {
      if (rule.issuer.isPrivate && actor.via === "token") throw privateByNetwork();
      requireNarrow(rule);
      revocations.revoked(store.access.setTrustRule(rule, { actor, reason }));
      const { open } = network;
      const addresses = open?.addresses ?? [];
      return {
        controllers:
          open === undefined
            ? []
            : addresses.map((address) => loginText({ address, pin: open.pin, invite: undefined })),
      };
    },
    distrustPipelines: async ({ name, reason }, { actor }) => {
      const ids = store.access.removeTrustRule(name, { actor, reason });
      revocations.revoked(ids);
      return { ids };
    },
  };
}

function privateByNetwork(): KilnError {
  return new KilnError(
    "forbidden",
    "A rule for an issuer in a private network cannot be added over the network.",
    {
      hint: "The controller asks the issuer's address, which may be one that only it reaches: add the rule on its machine.",
    },
  );
}

function notListening(): KilnError {
  return new KilnError(
    "usage",
    "The controller does not listen for the network, so no token can be for it.",
    {
      hint: "First: kiln controller listen :7443",
    },
  );
}
