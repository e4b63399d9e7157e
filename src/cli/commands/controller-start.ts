import type { Context, Outcome } from "../context.ts";
import { ensureController } from "../local-controller/start.ts";

export async function run(context: Context): Outcome {
  const { state, clock, signal, output } = context;
  const { started, replaced } = await ensureController({ state, clock, signal });
  const info = await (await context.connect()).info();
  const instead = replaced === undefined ? "" : `, in place of pid ${replaced.pid}`;
  output.result({ started, ...info }, [
    started
      ? `The controller is running now (pid ${info.pid})${instead}.`
      : `The controller is already running (pid ${info.pid}).`,
  ]);
  return 0;
}
