import type { Context, Outcome } from "../context.ts";

export async function run(context: Context, _options: object, server: string): Outcome {
  await (await context.connect()).destroyServer({ server });
  context.output.result({ server }, [`Destroyed ${server}.`]);
  return 0;
}
