import type { Context, Outcome } from "../../context.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { plural } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { untilScaled } from "../../rollout/until-scaled.ts";
import { requireStatus } from "../../services.ts";

interface ScaleOptions extends ServiceOptions, ChangeOptions {
  readonly service?: string;
  readonly wait: boolean;
}

export async function run(context: Context, options: ScaleOptions, count: number): Outcome {
  const key = await requireService(context.cwd, options, options.service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "scale", count });
  const beganAtMs = context.clock.now();
  const accepted = await client.scale({ service: key, count, ...onRelease(options) });
  const from = accepted.scaled?.from ?? count;
  if (options.wait) await untilScaled(context, client, key, beganAtMs);
  const said =
    from === count ? "has" : options.wait ? `was scaled from ${from} to` : `is being scaled from ${from} to`;
  context.output.result(accepted, [`${key} ${said} ${plural(count, "server")}.`]);
  return 0;
}
