import type { Context, Outcome } from "../context.ts";
import type { ChangeOptions } from "../deploy/change-options.ts";

export async function run(context: Context, { reason }: ChangeOptions): Outcome {
  const client = await context.connect();
  const key = await client.rotateAuditKey({ reason });
  context.output.result(key, [
    `The key ${key.keyId} signs checkpoints from now on.`,
    "  `kiln audit key` prints the public key for use with `kiln audit verify --key`.",
  ]);
  return 0;
}
