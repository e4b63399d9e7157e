import type { Operations } from "../../api/contract/types.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { newCredential } from "../credential.ts";
import type { NetworkListener } from "../network.ts";

export type PushOperations = Pick<
  Operations,
  "addSourceWebhook" | "rotateSourceWebhook" | "removeSourceWebhook"
>;

/** Webhooks by which forges report pushes. */
export function createPushOperations(
  { sourceWebhooks: webhooks }: Pick<Store, "sourceWebhooks">,
  network: NetworkListener,
): PushOperations {
  return {
    addSourceWebhook: async ({ service, address, reason }, { actor }) => {
      const { open } = network;
      if (open === undefined) throw notListening(network.trouble);
      const { id, text: secret } = newCredential("psh");
      webhooks.add(service, { id, secret }, { actor, reason });
      return { url: urlOf(address ?? open.addresses[0] ?? open.address, id), secret };
    },
    rotateSourceWebhook: async ({ service, reason }, { actor }) => {
      const { text: secret } = newCredential("psh");
      webhooks.rotate(service, secret, { actor, reason });
      return { secret };
    },
    removeSourceWebhook: async ({ service, reason }, { actor }) =>
      webhooks.remove(service, { actor, reason }),
  };
}

function urlOf(address: string, id: string): string {
  return `https://${address}/v1/pushes/${id}`;
}

function notListening(trouble: string | undefined): KilnError {
  return new KilnError("usage", trouble ?? "The controller does not listen for the network.", {
    hint: "First: kiln controller listen :7443",
  });
}
