import { KilnError } from "../../lib/errors.ts";
import { isProcessAlive } from "../../lib/process-alive.ts";
import type { Context } from "../context.ts";
import { listens } from "./start.ts";

const deadlineMs = 30_000;

/** What a controller said of itself before it ended. */
export interface Stopped {
  readonly pid: number;
  /** How many servers live on without it. */
  readonly servers: number;
}

/** Ends the state folder's controller and resolves when its process is gone; undefined when none runs. */
export async function stopController(context: Context): Promise<Stopped | undefined> {
  const { state, clock, signal } = context;
  if (!(await listens(state.controllerSocket))) return undefined;
  const client = await context.connect();
  const { pid, servers } = await client.info();
  await client.shutdown();
  const deadline = clock.now() + deadlineMs;
  while (isProcessAlive(pid)) {
    if (clock.now() > deadline) throw new KilnError("timed_out", `The controller (pid ${pid}) does not end.`);
    await clock.sleep(20, signal);
  }
  return { pid, servers };
}
