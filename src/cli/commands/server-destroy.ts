import type { Context, Outcome } from "../context.ts";
import type { ChangeOptions } from "../deploy/change-options.ts";

export async function run(context: Context, { reason }: ChangeOptions, server: string): Outcome {
  await (await context.connect()).destroyServer({ server, reason });
  context.output.result({ server }, [`Destroyed ${server}.`]);
  return 0;
}
