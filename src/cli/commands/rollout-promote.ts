import type { Context, Outcome } from "../context.ts";
import { type ChangeOptions, onRollout } from "../deploy/change-options.ts";
import { printPlan } from "../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { finishRollout } from "../rollout/finish.ts";
import { requireStatus } from "../services.ts";

interface Options extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
}

/** Skips the rest of this step's hold and follows the rollout, as deploy does. */
export async function run(context: Context, options: Options, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "promote" });
  const fromMs = context.clock.now();
  const rollout = await client.promote({ service: key, ...onRollout(options) });
  return finishRollout(context, client, rollout.id, { wait: options.wait, fromMs });
}
