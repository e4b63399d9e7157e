import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Client, ServerStatus, ServiceStatus } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { type ChangeOptions, onRelease } from "../deploy/change-options.ts";
import { printPlan } from "../deploy/plan-text.ts";
import { plural } from "../output/units.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { failureLines } from "../rollout/summary.ts";
import { requireStatus } from "../services.ts";
import { waitForStatus } from "../wait.ts";

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

/**
 * Ends when exactly the wanted servers exist and are ready; throws `server_failed` as soon as one of the missing
 * servers has failed.
 */
export async function untilScaled(
  context: Context,
  client: Client,
  key: ServiceKey,
  beganAtMs: number,
): Promise<void> {
  await waitForStatus(context, client, key, (status) => {
    const failure = status && failureOf(status, beganAtMs);
    if (failure !== undefined) {
      context.output.note(...failureLines(failure, context.output.noteStyle), "");
      throw new KilnError("server_failed", `${failure.id} failed: ${failure.reason}`, {
        hint: "Kiln keeps trying; `kiln status` shows the progress.",
      });
    }
    return status === undefined || isScaled(status);
  });
}

/** With enough ready servers no failure matters. */
function failureOf(status: ServiceStatus, beganAtMs: number): ServerFailure | undefined {
  const { serving, count, failures } = status;
  if (inState(status, "ready") >= count) return undefined;
  return failures.find(({ release, atMs }) => atMs >= beganAtMs && release === serving?.number);
}

/** Servers in quarantine do not count: the policy says how long they are kept. */
function isScaled(status: ServiceStatus): boolean {
  const ready = inState(status, "ready");
  const others = inState(status, "creating", "starting", "draining");
  return status.serving === undefined || (ready === status.count && others === 0);
}

/** How many servers of the serving release are in one of these states. */
function inState({ servers, serving }: ServiceStatus, ...states: readonly ServerStatus["state"][]): number {
  return servers.filter((s) => s.release === serving?.number && states.includes(s.state)).length;
}
