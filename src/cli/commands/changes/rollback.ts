import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { finishRollout } from "../../rollout/finish.ts";
import { requireStatus } from "../../services.ts";

interface RollbackOptions extends ServiceOptions, ChangeOptions {
  readonly service?: string;
  readonly wait: boolean;
}

export async function run(context: Context, options: RollbackOptions, release?: number): Outcome {
  const key = await requireService(context.cwd, options, options.service);
  const client = await context.connect();
  await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "rollback", release });
  const fromMs = context.clock.now(); // a running deploy that is rolled back has earlier events
  const accepted = await client.rollback({ service: key, release, ...onRelease(options) });
  if (accepted.rollout === undefined) {
    throw new KilnError("rollback_impossible", `Release ${accepted.release} of ${key} already serves.`, {
      hint: `\`kiln history ${key}\` lists the releases.`,
    });
  }
  const code = await finishRollout(context, client, accepted.rollout, { wait: options.wait, fromMs });
  // A running deploy was rolled back, as requested.
  const { kind } = await (await context.connect()).rollout({ id: accepted.rollout });
  return code === 4 && kind === "deploy" ? 0 : code;
}
