import { KilnError } from "../../lib/errors.ts";
import type { ServiceStatus } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { formatDuration, plural } from "../output/units.ts";
import { whoAmI } from "../people.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { requireStatus } from "../services.ts";
import { waitForStatus } from "../wait.ts";

interface RemoveOptions extends ServiceOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
}

export async function run(context: Context, options: RemoveOptions, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  const status = await requireStatus(client, key);
  if (!options.yes) await requireConsent(context, status);
  const begunMs = context.clock.elapsed();
  await client.remove(key, whoAmI(context.env));
  if (options.wait) await waitForStatus(context, client, key, (now) => now === undefined);
  const durationMs = context.clock.elapsed() - begunMs;
  const said = options.wait
    ? `${key} is gone, after ${formatDuration(durationMs)}.`
    : `${key} is being removed.`;
  context.output.result({ service: key, durationMs }, [
    said,
    "  Its images and secrets are kept: `kiln gc`, `kiln image rm` and `kiln secret rm` remove them.",
  ]);
  return 0;
}

/** Asks on a terminal; elsewhere nobody can answer, so `--yes` has to say it. */
async function requireConsent(context: Context, status: ServiceStatus): Promise<void> {
  const what = `${status.service} with its ${plural(status.servers.length, "server")} and all its releases`;
  if (!process.stdin.isTTY || context.output.json) {
    throw new KilnError("usage", `This removes ${what}.`, { hint: "Repeat it with --yes if that is meant." });
  }
  const { createInterface } = await import("node:readline/promises");
  const dialog = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialog.question(`Remove ${what}? [y/N] `, { signal: context.signal });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    dialog.close();
  }
  throw new KilnError("cancelled", "Nothing was removed.");
}
