import type { Context, Outcome } from "../context.ts";
import { ensureController } from "../local-controller/start.ts";

export async function run(context: Context): Outcome {
  const { state, clock, signal, output } = context;
  const { started, replaced } = await ensureController({ state, clock, signal });
  const info = await (await context.connect()).info();
  const instead = replaced === undefined ? "" : `, in place of the one with pid ${replaced.pid}`;
  output.result({ started, ...info }, [
    started
      ? `The controller runs now (pid ${info.pid})${instead}.`
      : `The controller runs already (pid ${info.pid}).`,
  ]);
  return 0;
}
