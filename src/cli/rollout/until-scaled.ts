import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Client, ServerStatus, ServiceStatus } from "../api.ts";
import type { Context } from "../context.ts";
import { waitForStatus } from "../wait.ts";
import { failureLines } from "./summary.ts";

/**
 * Ends when exactly the wanted servers exist and are ready; throws `server_failed` as soon as one of the missing
 * servers has failed.
 */
export async function untilScaled(
  context: Context,
  client: Client,
  key: ServiceKey,
  beganAtMs: number,
): Promise<void> {
  await waitForStatus(context, client, key, (status) => {
    const failure = status && failureOf(status, beganAtMs);
    if (failure !== undefined) {
      context.output.note(...failureLines(failure, context.output.noteStyle), "");
      throw new KilnError("server_failed", `${failure.id} failed: ${failure.reason}`, {
        hint: "Kiln keeps trying; `kiln status` shows the progress.",
      });
    }
    return status === undefined || isScaled(status);
  });
}

/** With enough ready servers no failure matters. */
function failureOf(status: ServiceStatus, beganAtMs: number): ServerFailure | undefined {
  const { serving, count, failures } = status;
  if (inState(status, "ready") >= count) return undefined;
  return failures.find(({ release, atMs }) => atMs >= beganAtMs && release === serving?.number);
}

/** Servers in quarantine do not count: the policy says how long they are kept. */
function isScaled(status: ServiceStatus): boolean {
  const ready = inState(status, "ready");
  const others = inState(status, "creating", "starting", "draining");
  return status.serving === undefined || (ready === status.count && others === 0);
}

/** How many servers of the serving release are in one of these states. */
function inState({ servers, serving }: ServiceStatus, ...states: readonly ServerStatus["state"][]): number {
  return servers.filter((s) => s.release === serving?.number && states.includes(s.state)).length;
}
