import type { Context, Outcome } from "../context.ts";
import { type ChangeOptions, onRollout } from "../deploy/change-options.ts";
import { printPlan } from "../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { finishRollout } from "../rollout/finish.ts";
import { exitCodeOf } from "../rollout/summary.ts";
import { requireStatus } from "../services.ts";

interface AbortOptions extends ServiceOptions, ChangeOptions {
  readonly wait: boolean;
}

/** A rollback is the requested outcome: exit code 0. */
export async function run(context: Context, options: AbortOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "abort" });
  const fromMs = context.clock.now();
  const rollout = await client.abort({ service: key, ...onRollout(options) });
  await finishRollout(context, client, rollout.id, { wait: options.wait, fromMs });
  const ended = await client.rollout({ id: rollout.id });
  return exitCodeOf(ended) === 4 || rollout.from === undefined || !options.wait ? 0 : 1;
}
