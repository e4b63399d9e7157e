import type { Context, Outcome } from "../context.ts";
import type { ChangeOptions } from "../deploy/change-options.ts";
import { requireService, type ServiceOptions } from "../project.ts";
import { requireSecretName } from "../secret-name.ts";

export async function run(
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
