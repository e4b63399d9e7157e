import type { Context, Outcome } from "../context.ts";
import { whoAmI } from "../people.ts";

export async function run(context: Context): Outcome {
  const client = await context.connect();
  const key = await client.rotateAuditKey(whoAmI(context.env));
  context.output.result(key, [
    `Checkpoints are signed with the key ${key.keyId} from now on.`,
    "  `kiln audit key` prints it for those who verify with `--key`.",
  ]);
  return 0;
}
