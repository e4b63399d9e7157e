import type { ServiceStatus } from "../../api.ts";
import { askConsent } from "../../ask-consent.ts";
import type { Context, Outcome } from "../../context.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { formatDuration, plural } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { requireStatus } from "../../services.ts";
import { waitForStatus } from "../../wait.ts";

interface RemoveOptions extends ServiceOptions, ChangeOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
}

export async function run(context: Context, options: RemoveOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const status = await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "remove" });
  if (!options.yes) await askConsent(context, consentTo(status));
  const begunMs = context.clock.elapsed();
  await client.remove({ service: key, ...onRelease(options) });
  if (options.wait) await waitForStatus(context, client, key, (now) => now === undefined);
  const durationMs = context.clock.elapsed() - begunMs;
  const said = options.wait
    ? `${key} is gone, after ${formatDuration(durationMs)}.`
    : `${key} is being removed.`;
  context.output.result({ service: key, durationMs }, [
    said,
    "  Its images and secrets stay: `kiln gc`, `kiln image rm` and `kiln secret rm` remove them.",
  ]);
  return 0;
}

function consentTo({ service, servers }: ServiceStatus) {
  const what = `${service} with its ${plural(servers.length, "server")} and all its releases`;
  return { what: `removes ${what}`, question: `Remove ${what}?`, refused: "Nothing was removed." };
}
