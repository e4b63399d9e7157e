import type { Context, Outcome } from "../context.ts";

/** JSON either way: an editor reads it. */
export async function run(context: Context): Outcome {
  const { specJsonSchema } = await import("../../spec/json-schema.ts");
  const schema = specJsonSchema();
  context.output.result(schema, [JSON.stringify(schema, null, 2)]);
  return 0;
}
