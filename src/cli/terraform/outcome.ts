import { KilnError } from "../../lib/errors.ts";
import type { Made } from "../../terraform-provider/provider.ts";
import type { Accepted } from "../api.ts";
import type { Context } from "../context.ts";
import { createStyle } from "../output/style.ts";
import { followRollout } from "../rollout/follow.ts";
import { endWords, exitCodeOf } from "../rollout/summary.ts";
import { untilScaled } from "../rollout/until-scaled.ts";
import { statusOf } from "../services.ts";

const plain = createStyle(false);

/** Waits until what a deploy has begun is over. Neither: it serves. A warning: it continues, or waits for a person. */
export async function outcomeOf(
  context: Context,
  accepted: Accepted,
  beganAtMs: number,
): Promise<Pick<Made, "failure" | "warning">> {
  try {
    return await ended(context, accepted, beganAtMs);
  } catch (error) {
    if (context.signal.aborted) return { warning: continuing(accepted) };
    throw outOfSight(error, accepted);
  }
}

async function ended(context: Context, accepted: Accepted, beganAtMs: number) {
  const { rollout: id, scaled, service } = accepted;
  const client = await context.connect();
  if (id === undefined) {
    if (scaled !== undefined) await untilScaled(context, client, service, beganAtMs);
    return {};
  }
  const rollout = await followRollout(context, client, id);
  if (rollout.phase === "complete") return {};
  const status = await statusOf(await context.connect(), service);
  const words = endWords(rollout, status, context.clock.now(), plain);
  return exitCodeOf(rollout) === 0 ? { warning: words } : { failure: words };
}

/** Nothing is known of what serves, so the record stays as it was: a new service that was recorded with an error would be removed by the next apply. */
function outOfSight(error: unknown, { service, release }: Accepted): unknown {
  if (!(error instanceof KilnError) || error.code !== "controller_unreachable") return error;
  return new KilnError(error.code, error.message, {
    cause: error,
    hint: `The change of ${service} to release ${release} had begun, and continues where the controller is: \`kiln status ${service}\` shows it, and the next plan begins from there. Where this was its first apply, \`terraform import ADDRESS ${service}\` takes it into this state.`,
  });
}

function continuing({ service, release }: Accepted): readonly string[] {
  return [
    `The change of ${service} to release ${release} continues in the controller.`,
    `Terraform was asked to stop and no longer waits for it. \`kiln rollout show ${service} -f\` follows it, \`kiln rollout abort ${service}\` rolls it back.`,
  ];
}
