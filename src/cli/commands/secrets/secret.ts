import { KilnError } from "../../../lib/errors.ts";
import type { SecretVersion } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { ChangeOptions } from "../../deploy/change-options.ts";
import { readValue } from "../../input/read-value.ts";
import { plainText, table } from "../../output/text.ts";
import { formatTime } from "../../output/units.ts";
import { findService, requireService, type ServiceOptions } from "../../project.ts";
import { statusOf } from "../../services.ts";
import { requireSecretName, requireServiceKey } from "./secret-name.ts";

export async function list(context: Context, options: ServiceOptions, service?: string): Outcome {
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

interface SecretSetOptions extends ServiceOptions, ChangeOptions {
  readonly keepNewline?: boolean;
}

export async function set(
  context: Context,
  options: SecretSetOptions,
  name: string,
  service?: string,
): Outcome {
  requireSecretName(name);
  const key = await requireService(context.cwd, options, service);
  requireServiceKey(key);
  const value = await readValue(context.stdin(), {
    keepNewline: options.keepNewline ?? false,
    prompt: (text) => context.output.prompt(text),
    what: `${name} of ${key}`,
  });
  if (value.length === 0) {
    throw new KilnError("secret_invalid", `Standard input contained no value for ${name}.`, {
      hint: `For example: \`printf %s "$VALUE" | kiln secret set ${name} ${key}\`, or \`kiln secret set ${name} ${key} < FILE\`.`,
    });
  }
  const client = await context.connect();
  const set = await client.setSecret({
    service: key,
    name,
    value: value.toString("base64"),
    reason: options.reason,
  });
  const deployed = set.changed && (await statusOf(client, key)) !== undefined;
  context.output.result({ service: key, name, ...set }, [
    set.changed
      ? `${name} of ${key} is now at version ${set.version}.`
      : `${name} of ${key} already has that value, as version ${set.version}.`,
    ...(deployed ? ["  Servers get it with the next `kiln deploy`."] : []),
  ]);
  return 0;
}

export async function remove(
  context: Context,
  options: ServiceOptions & ChangeOptions,
  name: string,
  service?: string,
): Outcome {
  requireSecretName(name);
  const key = await requireService(context.cwd, options, service);
  const client = await context.connect();
  await client.removeSecret({ service: key, name, reason: options.reason });
  context.output.result({ service: key, name }, [`Removed ${name} of ${key}.`]);
  return 0;
}
