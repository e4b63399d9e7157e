import { KilnError } from "../../lib/errors.ts";
import type { Client } from "../api.ts";
import type { Context, ExitCode } from "../context.ts";
import { followRollout } from "./follow.ts";
import { reportEnd } from "./summary.ts";

/**
 * Follows a rollout to its end and reports the result; without `wait`, only says that it runs. On Ctrl-C the rollout
 * continues in the controller, and the error says how to follow or abort it. Events before `fromMs` (Unix time in ms)
 * are not shown.
 */
export async function finishRollout(
  context: Context,
  client: Client,
  id: number,
  { wait = true, fromMs }: { readonly wait?: boolean; readonly fromMs?: number },
): Promise<ExitCode> {
  const begun = await client.rollout({ id });
  if (!wait) {
    context.output.result(begun, [
      `Rollout ${id} of ${begun.service} to release ${begun.to} has begun.`,
      `  \`kiln rollout show ${begun.service} -f\` follows it.`,
    ]);
    return 0;
  }
  const ended = await followRollout(context, client, id, fromMs).catch((error: unknown) => {
    throw context.signal.aborted ? leftRunning(id, begun.service) : error;
  });
  return reportEnd(context, await context.connect(), ended);
}

function leftRunning(id: number, service: string): KilnError {
  return new KilnError(
    "cancelled",
    `Rollout ${id} of ${service} continues in the controller; only the display has stopped.`,
    {
      hint: `\`kiln rollout show ${service} -f\` follows it again; \`kiln rollout abort ${service}\` rolls it back.`,
      retry: true,
    },
  );
}
