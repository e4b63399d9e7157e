import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { Client, ServiceStatus } from "./api.ts";
import type { Context } from "./context.ts";
import { statusOf } from "./services.ts";

const lookAgainMs = 100;

/**
 * Looks at a service until it is as wished; its status is undefined once it is gone. Throws `cancelled` on Ctrl-C,
 * which changes nothing in the controller.
 */
export async function waitForStatus(
  context: Context,
  client: Client,
  service: ServiceKey,
  asWished: (status: ServiceStatus | undefined) => boolean,
): Promise<void> {
  while (!asWished(await statusOf(client, service))) {
    await context.clock.sleep(lookAgainMs, context.signal).catch(() => {
      throw new KilnError("cancelled", "Waiting has stopped; the controller goes on.", {
        hint: `\`kiln status ${service}\` shows how far it is.`,
      });
    });
  }
}
