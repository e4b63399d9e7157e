import type { Context, Outcome } from "../context.ts";
import { whoAmI } from "../people.ts";

export async function run(context: Context, _options: object, server: string): Outcome {
  await (await context.connect()).destroyServer(server, whoAmI(context.env));
  context.output.result({ server }, [`Destroyed ${server}.`]);
  return 0;
}
