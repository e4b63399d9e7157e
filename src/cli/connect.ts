import { isAbsolute } from "node:path";
import type { Endpoint } from "../api/client/endpoint.ts";
import type { Holder } from "../lib/process/holder.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { Client } from "./api.ts";
import type { Context } from "./context.ts";
import { whoAmI } from "./people.ts";
import { chosenContext } from "./remote/contexts.ts";

/**
 * Connects to the controller of a state folder, starting one when none runs. The first time it must run this
 * command's code; later any will do, or two commands of different code that follow a rollout would replace each
 * other's controller forever. A controller elsewhere is used as it is.
 */
export function createConnect(
  { clock, signal, output, env, remote }: Pick<Context, "clock" | "signal" | "output" | "env" | "remote">,
  state: StateFolder,
): () => Promise<Client> {
  let asItIs = false;
  return async () => {
    const elsewhere = await remote();
    if (elsewhere !== undefined) {
      const { createClient } = await import("../api/client/client.ts");
      return createClient(async () => (await remote()) ?? elsewhere, { stated: whoAmI(env) });
    }
    const [{ ensureController }, { createClient }] = await Promise.all([
      import("./local-controller/start.ts"),
      import("../api/client/client.ts"),
    ]);
    const { replaced } = await ensureController({ state, clock, signal, asItIs });
    asItIs = true;
    if (replaced !== undefined) output.note(await replacedWords(replaced));
    return createClient(state.controllerSocket, { stated: whoAmI(env) });
  };
}

/**
 * The controller that commands ask in place of the state folder's own. `KILN_CONTROLLER` names the socket of one elsewhere, such as one that
 * ssh(1) forwards with `-L`, or, as `kiln1.ADDRESS.PIN`, one over the network, to which a pipeline proves what it is. A context that `kiln login`
 * has made names one over the network.
 */
export function createRemote(env: Context["env"], clock: Clock): Context["remote"] {
  const named = env.KILN_CONTROLLER;
  if (named === undefined) return async () => chosenContext(env);
  if (isAbsolute(named)) return async () => ({ socketPath: named });
  let opened: Promise<() => Promise<Endpoint>> | undefined;
  return async () => {
    opened ??= import("./remote/pipeline.ts").then(({ pipelineEndpoint }) =>
      pipelineEndpoint(named, env, clock),
    );
    return (await opened)();
  };
}

async function replacedWords({ code }: Holder): Promise<string> {
  const { codeWords } = await import("./local-controller/outdated.ts");
  return `The controller ran ${codeWords(code)}; a new controller took its place. Servers keep running.`;
}
