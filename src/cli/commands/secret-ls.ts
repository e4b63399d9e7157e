import type { SecretVersion } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText, table } from "../output/text.ts";
import { formatTime } from "../output/units.ts";
import { findService, type ServiceOptions } from "../project.ts";

export async function run(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const secrets = await (await context.connect()).secrets({ service: key });
  context.output.result(secrets, secretLines(secrets, key));
  return 0;
}

/** One line per version; values are never shown. */
function secretLines(secrets: readonly SecretVersion[], service: string | undefined): string[] {
  if (secrets.length === 0) {
    const whose = service === undefined ? "There are no secrets." : `${service} has no secrets.`;
    return [`${whose} \`kiln secret set NAME\` reads one from standard input.`];
  }
  const rows = secrets.map((secret) => [
    secret.service,
    secret.name,
    `${secret.version}`,
    formatTime(secret.createdAtMs),
    plainText(secret.createdBy),
    secret.releases.length === 0 ? "-" : `release ${secret.releases.join(", ")}`,
  ]);
  return table(["SERVICE", "NAME", "VERSION", "SET", "BY", "USED BY"], rows);
}
