import type { StateFolder } from "../lib/state-folder.ts";
import type { Client } from "./api.ts";
import type { Context } from "./context.ts";

/** Connects to the controller of a state folder, starting one when none runs. */
export function createConnect(
  { env, clock, signal }: Pick<Context, "env" | "clock" | "signal">,
  state: StateFolder,
): () => Promise<Client> {
  return async () => {
    const [{ ensureController }, { createClient }] = await Promise.all([
      import("./local-controller/start.ts"),
      import("../api/client.ts"),
    ]);
    await ensureController({ state, env, clock, signal });
    return createClient(state.controllerSocket);
  };
}
