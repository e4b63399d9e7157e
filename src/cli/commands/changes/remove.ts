import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { ServiceStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { type ChangeOptions, onRelease } from "../../deploy/change-options.ts";
import { printPlan } from "../../deploy/plan-text.ts";
import { askConsent } from "../../input/ask-consent.ts";
import { formatDuration, plural } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";
import { requireStatus } from "../../services.ts";
import { waitForStatus } from "../../wait.ts";

interface RemoveOptions extends ServiceOptions, ChangeOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
  readonly volumes?: boolean;
}

export async function run(context: Context, options: RemoveOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const status = await requireStatus(client, key);
  if (options.plan) return printPlan(context, client, key, { kind: "remove" });
  requireWait(options);
  const volumes = await client.volumes({ service: key });
  const names = volumes.map(({ name }) => name).join(", ");
  if (!options.yes) await askConsent(context, consentTo(status, options.volumes ? names : ""));
  const begunMs = context.clock.elapsed();
  await client.remove({ service: key, ...onRelease(options) });
  if (options.wait) await waitForStatus(context, client, key, (now) => now === undefined);
  if (options.volumes) for (const { name } of volumes) await client.removeVolume({ service: key, name });
  const durationMs = context.clock.elapsed() - begunMs;
  const said = options.wait
    ? `${key} is gone, after ${formatDuration(durationMs)}.`
    : `${key} is being removed.`;
  context.output.result({ service: key, durationMs }, [
    said,
    "  Its images and secrets stay: `kiln gc`, `kiln image rm` and `kiln secret rm` remove them.",
    ...dataLines(key, names, options.volumes ?? false),
  ]);
  return 0;
}

/** Volumes can go only when no server has them any more. */
function requireWait({ volumes, wait }: RemoveOptions): void {
  if (!volumes || wait) return;
  throw new KilnError(
    "usage",
    "`--volumes` does not go with `--no-wait`: volumes go when the servers are gone.",
    {
      hint: "Leave out one of the two.",
    },
  );
}

function dataLines(service: ServiceKey, names: string, removed: boolean): readonly string[] {
  if (names === "") return [];
  if (removed) return [`  Its volumes are gone too: ${names}.`];
  return [`  The data of its volumes stays (${names}): \`kiln volume rm NAME ${service}\` removes it.`];
}

/** `volumes`: the names of those that go too. */
function consentTo({ service, servers }: ServiceStatus, volumes: string) {
  const data = volumes === "" ? "" : `, and its volumes with all their data (${volumes})`;
  const what = `${service} with its ${plural(servers.length, "server")} and all its releases${data}`;
  return { what: `removes ${what}`, question: `Remove ${what}?`, refused: "Nothing was removed." };
}
