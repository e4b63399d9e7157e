import { KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";

export async function run(context: Context): Outcome {
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
