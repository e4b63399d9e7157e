import type { Context, Outcome } from "../context.ts";
import { type ChangeOptions, onRollout } from "../deploy/change-options.ts";
import { printPlan } from "../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { finishRollout } from "../rollout/finish.ts";
import { requireStatus } from "../services.ts";

interface Options extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
}

/** Continues a paused rollout and follows it, as deploy does. */
export async function run(context: Context, options: Options, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "resume" });
  const fromMs = context.clock.now();
  const rollout = await client.resume({ service: key, ...onRollout(options) });
  return finishRollout(context, client, rollout.id, { wait: options.wait, fromMs });
}
