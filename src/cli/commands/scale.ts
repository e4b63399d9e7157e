import type { ServiceKey } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Client, ServiceStatus } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { plural } from "../output/units.ts";
import { whoAmI } from "../people.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { failureLines } from "../rollout/summary.ts";
import { requireStatus } from "../services.ts";
import { waitForStatus } from "../wait.ts";

interface ScaleOptions extends ServiceOptions {
  readonly service?: string;
  readonly wait: boolean;
}

export async function run(context: Context, options: ScaleOptions, count: number): Outcome {
  const key = await requireService(context.cwd, options, options.service);
  const client = await context.connect();
  await requireStatus(client, key);
  const beganAtMs = context.clock.now();
  const accepted = await client.scale(key, count, whoAmI(context.env));
  const from = accepted.scaled?.from ?? count;
  if (options.wait) await untilScaled(context, client, key, beganAtMs);
  const said = from === count ? "has" : options.wait ? `went from ${from} to` : `goes from ${from} to`;
  context.output.result(accepted, [`${key} ${said} ${plural(count, "server")}.`]);
  return 0;
}

/** Ends when exactly the wanted servers are there and ready; throws `server_failed` as soon as one has failed. */
export async function untilScaled(
  context: Context,
  client: Client,
  key: ServiceKey,
  beganAtMs: number,
): Promise<void> {
  await waitForStatus(context, client, key, (status) => {
    const failure = status?.failures.find((f) => f.atMs >= beganAtMs);
    if (failure !== undefined) {
      context.output.note(...failureLines(failure, context.output.noteStyle), "");
      throw new KilnError("server_failed", `${failure.id} failed: ${failure.reason}`, {
        hint: "Kiln goes on trying; `kiln status` shows how it fares.",
      });
    }
    return status === undefined || isScaled(status);
  });
}

function isScaled(status: ServiceStatus): boolean {
  const ready = status.servers.filter((s) => s.release === status.serving?.number && s.state === "ready");
  const leaving = status.servers.filter((s) => s.release === status.serving?.number && s.state !== "ready");
  return status.serving === undefined || (ready.length === status.count && leaving.length === 0);
}
