import { once } from "node:events";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { whoAmI } from "../../people.ts";
import { builtPage } from "../../ui/built.ts";
import { serveDashboard } from "../../ui/dashboard.ts";

/** Serves the dashboard to one browser on this machine until Ctrl-C. */
export async function run(context: Context, options: { readonly port?: number }): Outcome {
  const { output, clock, signal, env, state, remote } = context;
  const { port = 0 } = options;
  const page = builtPage();
  await context.connect();
  const upstream = {
    endpoint: (await remote()) ?? { socketPath: state.controllerSocket },
    stated: whoAmI(env),
  };
  const dashboard = await serveDashboard({ ...upstream, page, port, clock }).catch((error) => {
    if (!isErrno(error, "EADDRINUSE")) throw error;
    throw new KilnError("port_taken", `Port ${port} is taken.`, {
      hint: "Without --port, a free one is chosen.",
    });
  });
  try {
    output.result({ url: dashboard.url }, [dashboard.url]);
    output.note("The link works once, on this machine, for ten minutes. Ctrl-C ends the dashboard.");
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    await dashboard.close();
  }
  return 0;
}
