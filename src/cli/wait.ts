import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { Client, ServiceStatus } from "./api.ts";
import type { Context } from "./context.ts";
import { troubleLines } from "./rollout/view.ts";
import { statusOf } from "./services.ts";

const lookAgainMs = 100;

/**
 * Polls a service until the condition holds, and reports what holds it up; the status is undefined once the service
 * is gone. Throws `cancelled` on Ctrl-C, which changes nothing in the controller.
 */
export async function waitForStatus(
  context: Context,
  client: Client,
  service: ServiceKey,
  asWished: (status: ServiceStatus | undefined) => boolean,
): Promise<void> {
  const look = () => statusOf(client, service);
  let told: string | undefined;
  for (let status = await look(); !asWished(status); status = await look()) {
    const trouble = status?.trouble?.message;
    if (status !== undefined && trouble !== told) context.output.note(...troubleLines(status));
    told = trouble;
    await context.clock.sleep(lookAgainMs, context.signal).catch(() => {
      throw new KilnError("cancelled", "Waiting has stopped; the controller continues.", {
        hint: `\`kiln status ${service}\` shows the progress.`,
      });
    });
  }
}
