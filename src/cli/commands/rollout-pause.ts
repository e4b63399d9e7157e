import type { Context, Outcome } from "../context.ts";
import { type ChangeOptions, onRollout } from "../deploy/change-options.ts";
import { printPlan } from "../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { requireStatus } from "../services.ts";

/** Servers and traffic stay as they are until someone resumes or aborts the rollout. */
export async function run(
  context: Context,
  options: ServiceOptions & ChangeOptions,
  service?: string,
): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "pause" });
  const rollout = await client.pause({ service: key, ...onRollout(options) });
  context.output.result(rollout, [
    `The ${rollout.kind} of ${key} to release ${rollout.to} is paused.`,
    `  \`kiln rollout resume ${key}\` continues it, \`kiln rollout abort ${key}\` rolls it back.`,
  ]);
  return 0;
}
