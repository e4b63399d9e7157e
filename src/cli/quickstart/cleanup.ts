import { KilnError } from "../../lib/errors.ts";
import { createConnect } from "../connect.ts";
import type { Context } from "../context.ts";
import { stopController } from "../local-controller/stop.ts";
import { waitForStatus } from "../wait.ts";
import { deletePlayground, type Playground, playgroundExists } from "./playground.ts";

/** How long servers get to end, including drains. */
const deadlineMs = 90_000;

/**
 * Removes every service of the playground, then the controller, then the files; nothing if there are none. Continues
 * when the context's signal has fired: cleaning up is what Ctrl-C asks for.
 */
export async function cleanUp(context: Context, playground: Playground): Promise<void> {
  if (!(await playgroundExists(playground))) return;
  context.output.note("Removing everything that the quickstart created ...");
  const signal = AbortSignal.timeout(deadlineMs);
  const within = { ...context, signal, connect: createConnect({ ...context, signal }, context.state) };
  const client = await within.connect();
  for (const { service } of await client.services()) {
    await client.remove({ service });
    await waitForStatus(within, client, service, (status) => status === undefined).catch((cause: unknown) => {
      throw new KilnError("timed_out", `${service} was not removed within ${deadlineMs / 1000} s.`, {
        hint: "The next `kiln quickstart` tries again.",
        cause,
      });
    });
  }
  await stopController(within);
  await deletePlayground(playground);
}
