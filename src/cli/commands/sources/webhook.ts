import type { Context, Outcome } from "../../context.ts";
import { keyOf } from "../../project.ts";

interface WhichOptions {
  readonly env?: string;
  readonly reason?: string;
}

export async function add(
  context: Context,
  { env, reason, address }: WhichOptions & { readonly address?: string },
  name: string,
): Outcome {
  const service = keyOf(name, env);
  const made = await (await context.connect()).addSourceWebhook({ service, address, reason });
  context.output.result({ service, ...made }, [
    `Enter a webhook at the forge, for pushes to the repository of ${service}:`,
    `  URL     ${made.url}`,
    `  Secret  ${made.secret}; it is not shown again.`,
    "  The controller certifies itself, so let the forge not verify the certificate: a message causes a look, and nothing else.",
    `  \`kiln source show ${service}\` says when the last message came.`,
  ]);
  return 0;
}

export async function rotate(context: Context, { env, reason }: WhichOptions, name: string): Outcome {
  const service = keyOf(name, env);
  const { secret } = await (await context.connect()).rotateSourceWebhook({ service, reason });
  context.output.result({ service, secret }, [
    `The secret of the webhook for ${service} is ${secret}; it is not shown again.`,
    "  For a day the secret before counts as well.",
  ]);
  return 0;
}

export async function remove(context: Context, { env, reason }: WhichOptions, name: string): Outcome {
  const service = keyOf(name, env);
  await (await context.connect()).removeSourceWebhook({ service, reason });
  context.output.result({ service }, [
    `The forge no longer reports pushes for ${service}; they are seen at the next look.`,
  ]);
  return 0;
}
