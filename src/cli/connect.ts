import type { Holder } from "../lib/process/holder.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import type { Client } from "./api.ts";
import type { Context } from "./context.ts";
import { whoAmI } from "./people.ts";

/**
 * Connects to the controller of a state folder, starting one when none runs. The first time it must run this
 * command's code; later any will do, or two commands of different code that follow a rollout would replace each
 * other's controller forever.
 */
export function createConnect(
  { clock, signal, output, env }: Pick<Context, "clock" | "signal" | "output" | "env">,
  state: StateFolder,
): () => Promise<Client> {
  let asItIs = false;
  return async () => {
    const [{ ensureController }, { createClient }] = await Promise.all([
      import("./local-controller/start.ts"),
      import("../api/client.ts"),
    ]);
    const { replaced } = await ensureController({ state, clock, signal, asItIs });
    asItIs = true;
    if (replaced !== undefined) output.note(await replacedWords(replaced));
    return createClient(state.controllerSocket, { stated: whoAmI(env) });
  };
}

async function replacedWords({ code }: Holder): Promise<string> {
  const { codeWords } = await import("./local-controller/outdated.ts");
  return `The controller ran ${codeWords(code)}; a new controller took its place. Servers keep running.`;
}
