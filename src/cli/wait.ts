import type { ServiceKey } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { Client, ServiceStatus } from "./api.ts";
import { conditionOf } from "./condition.ts";
import type { Context } from "./context.ts";
import { plainText } from "./output/text.ts";
import { troubleLines, warningLines } from "./rollout/view.ts";
import { statusOf } from "./services.ts";

const lookAgainMs = 100;
/** So often a wait says what it waits for. */
const sayAgainMs = 10_000;
/** A wait for a target that cannot be seen for so long ends: what was asked for is recorded, and the controller does it when the target answers. */
const unseenMs = 120_000;
/** At most this many servers are named. */
const namedServers = 5;

/**
 * Polls a service until the condition holds, and reports what it waits for and what holds it up; the status is undefined once the service
 * is gone. Throws `cancelled` on Ctrl-C, and `target_unreachable` for a target that cannot be seen for two minutes; neither changes anything in the controller.
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
  let seenMs = saidMs;
  for (let status = await look(); !asWished(status); status = await look()) {
    const unseen = status && unseenTarget(status);
    if (unseen === undefined) seenMs = context.clock.elapsed();
    else if (context.clock.elapsed() - seenMs >= unseenMs) throw givenUp(service, unseen);
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

type UnseenTarget = Pick<ServiceStatus["target"], "name" | "trouble">;

/** Of its targets, one that cannot be seen now. */
function unseenTarget({ target, move }: ServiceStatus): UnseenTarget | undefined {
  return [target, move?.target].find((one) => one?.trouble !== undefined);
}

function givenUp(service: ServiceKey, { name, trouble }: UnseenTarget): KilnError {
  return new KilnError(
    "target_unreachable",
    `Waiting has stopped, because the target ${name} cannot be seen. ${trouble?.message ?? ""}`.trim(),
    {
      hint: `What was asked for is recorded: the controller continues with it when the target answers. \`kiln status ${service}\` shows the progress.`,
    },
  );
}

/** `Waiting for shop-2-1-1 (starting: connection refused).` */
function waitingLine(status: ServiceStatus): string {
  const { service, target, servers, removing } = status;
  const unseen = unseenTarget(status);
  if (unseen !== undefined)
    return `Waiting for the target ${unseen.name}, which cannot be seen: ${plainText(unseen.trouble?.message ?? "")}`;
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
