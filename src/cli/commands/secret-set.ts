import { KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";
import type { ChangeOptions } from "../deploy/change-options.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { readValue } from "../read-value.ts";
import { requireSecretName, requireServiceKey } from "../secret-name.ts";
import { statusOf } from "../services.ts";

interface SecretSetOptions extends ServiceOptions, ChangeOptions {
  readonly keepNewline?: boolean;
}

export async function run(
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
