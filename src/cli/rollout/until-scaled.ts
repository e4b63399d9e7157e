import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Client, ServerStatus, ServiceStatus } from "../api.ts";
import type { Context } from "../context.ts";
import { waitForStatus } from "../wait.ts";
import { failureLines } from "./summary.ts";

/**
 * Ends when exactly the wanted servers exist, are ready and have their part of the traffic; throws `server_failed` as
 * soon as one of the missing servers has failed.
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
  if (serversIn(status, "ready").length >= count) return undefined;
  return failures.find(({ release, atMs }) => atMs >= beganAtMs && release === serving?.number);
}

/** Exactly the wanted servers work and have their part of the traffic. Servers in quarantine do not count: the policy says how long they are kept. */
export function isScaled(status: ServiceStatus): boolean {
  const { serving, count } = status;
  if (serving === undefined) return true;
  const working = serversIn(status, "ready").filter((s) => s.inTraffic || serving.traffic === undefined);
  return (
    working.length === count &&
    serversIn(status, "ready", "creating", "starting", "draining").length === count
  );
}

/** The servers of the serving release that are in one of these states. */
function serversIn(
  { servers, serving }: ServiceStatus,
  ...states: readonly ServerStatus["state"][]
): readonly ServerStatus[] {
  return servers.filter((s) => s.release === serving?.number && states.includes(s.state));
}
