import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { Client, ServiceStatus } from "./api.ts";
import { conditionOf } from "./condition.ts";
import type { Context } from "./context.ts";
import { troubleLines, warningLines } from "./rollout/view.ts";
import { statusOf } from "./services.ts";

const lookAgainMs = 100;
/** So often a wait says what it waits for. */
const sayAgainMs = 10_000;
/** At most this many servers are named. */
const namedServers = 5;

/**
 * Polls a service until the condition holds, and reports what it waits for and what holds it up; the status is undefined once the service
 * is gone. Throws `cancelled` on Ctrl-C, which changes nothing in the controller.
 */
export async function waitForStatus(
  context: Context,
  client: Client,
  service: ServiceKey,
  asWished: (status: ServiceStatus | undefined) => boolean,
): Promise<void> {
  const look = () => statusOf(client, service);
  let told: readonly string[] = [];
  let saidMs = context.clock.elapsed();
  for (let status = await look(); !asWished(status); status = await look()) {
    const lines = status === undefined ? [] : [...troubleLines(status), ...warningLines(status)];
    context.output.note(...lines.filter((line) => !told.includes(line)));
    told = lines;
    if (status !== undefined && context.clock.elapsed() - saidMs >= sayAgainMs) {
      saidMs = context.clock.elapsed();
      context.output.note(waitingLine(status));
    }
    await context.clock.sleep(lookAgainMs, context.signal).catch(() => {
      throw new KilnError("cancelled", "Waiting has stopped; the controller continues.", {
        hint: `\`kiln status ${service}\` shows the progress.`,
      });
    });
  }
}

/** `Waiting for shop-2-1-1 (starting: connection refused).` */
function waitingLine({ service, target, servers, removing }: ServiceStatus): string {
  const open = servers.filter(({ state }) => removing || state !== "ready");
  if (open.length === 0) {
    const what = removing ? "last remains" : "rollout";
    return `Waiting for the ${what} of ${service} on the target ${target.name}.`;
  }
  const names = open.slice(0, namedServers).map((server) => {
    const condition = removing ? "" : conditionOf(server);
    return `${server.id} (${server.state}${condition && `: ${condition}`})`;
  });
  const more = open.length > namedServers ? ` and ${open.length - namedServers} more` : "";
  return `Waiting for ${names.join(", ")}${more}.`;
}
