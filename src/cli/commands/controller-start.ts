import type { Context, Outcome } from "../context.ts";
import { ensureController } from "../local-controller/start.ts";

export async function run(context: Context): Outcome {
  const { state, env, clock, signal, output } = context;
  const { started } = await ensureController({ state, env, clock, signal });
  const info = await (await context.connect()).info();
  output.result({ started, ...info }, [
    started ? `The controller runs now (pid ${info.pid}).` : `The controller runs already (pid ${info.pid}).`,
  ]);
  return 0;
}
