import { KilnError } from "../../lib/errors.ts";
import type { Client } from "../api.ts";
import type { Context, ExitCode } from "../context.ts";
import { followRollout } from "./follow.ts";
import { reportEnd } from "./summary.ts";

/**
 * Follows a rollout that has begun to its end and reports it; without `wait`, only says that it runs. On Ctrl-C the
 * rollout goes on in the controller, and the error says how to follow or abort it. What happened before `fromMs` (Unix
 * time), when somebody came to it, is not told again.
 */
export async function finishRollout(
  context: Context,
  client: Client,
  id: number,
  { wait = true, fromMs }: { readonly wait?: boolean; readonly fromMs?: number },
): Promise<ExitCode> {
  const begun = await client.rollout(id);
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
    `Rollout ${id} of ${service} goes on in the controller; only following it has stopped.`,
    {
      hint: `\`kiln rollout show ${service} -f\` follows it again; \`kiln rollout abort ${service}\` turns it back.`,
      retry: true,
    },
  );
}
