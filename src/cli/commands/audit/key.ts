import { KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import type { ChangeOptions } from "../../deploy/change-options.ts";

export async function print(context: Context): Outcome {
  const { key, troubles } = await (await context.connect()).audit();
  if (key === undefined) {
    const [trouble] = troubles;
    throw new KilnError("audit_key_invalid", trouble?.message ?? "There is no key yet.", {
      ...(trouble?.hint === undefined ? {} : { hint: trouble.hint }),
    });
  }
  context.output.result(key, [key.publicKey.trimEnd()]);
  return 0;
}

export async function rotate(context: Context, { reason }: ChangeOptions): Outcome {
  const client = await context.connect();
  const key = await client.rotateAuditKey({ reason });
  context.output.result(key, [
    `The key ${key.keyId} signs checkpoints from now on.`,
    "  `kiln audit key` prints the public key for use with `kiln audit verify --key`.",
  ]);
  return 0;
}
