import type { Context, Outcome } from "../../context.ts";

/** JSON with and without `--json`: an editor reads it. */
export async function run(context: Context): Outcome {
  const { specJsonSchema } = await import("../../../spec/json-schema.ts");
  const schema = specJsonSchema();
  context.output.result(schema, [JSON.stringify(schema, null, 2)]);
  return 0;
}
