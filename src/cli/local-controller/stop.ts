import { KilnError } from "../../lib/errors.ts";
import { isProcessAlive } from "../../lib/process/proc.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Client } from "../api.ts";
import type { Context } from "../context.ts";
import { listens } from "./start.ts";

/** A controller ends within this time: it finishes the requests that it has begun. */
const deadlineMs = 30_000;

/** What a controller reported before it ended. */
export interface Stopped {
  readonly pid: number;
  /** How many servers keep running without it. */
  readonly servers: number;
}

/** Ends the state folder's controller, whatever code it runs; undefined when none runs. */
export async function stopController(context: Context): Promise<Stopped | undefined> {
  const { state } = context;
  if (!(await listens(state.controllerSocket))) return undefined;
  const { createClient } = await import("../../api/client/client.ts");
  const client = createClient(state.controllerSocket);
  const { pid, servers } = await client.info();
  await endController(client, pid, context);
  return { pid, servers };
}

/** Asks the controller to end and resolves when its process is gone. Throws `timed_out`. */
export async function endController(
  client: Pick<Client, "shutdown">,
  pid: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  await client.shutdown().catch(orGone);
  const deadline = clock.elapsed() + deadlineMs;
  while (isProcessAlive(pid)) {
    if (clock.elapsed() > deadline)
      throw new KilnError("timed_out", `The controller (pid ${pid}) does not end.`);
    await clock.sleep(20, signal);
  }
}

/** A controller that does not answer may be ending already: another command has asked it to. */
function orGone(error: unknown): void {
  if (!(error instanceof KilnError) || error.code !== "controller_unreachable") throw error;
}
