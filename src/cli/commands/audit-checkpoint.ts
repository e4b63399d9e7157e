import { resolve } from "node:path";
import type { Context, Outcome } from "../context.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../output/output-file.ts";

export async function run(context: Context, { output = "-", force }: OutputFileOptions): Outcome {
  const client = await context.connect();
  if (isStdout(output)) {
    const checkpoint = await client.checkpoint();
    context.output.result(checkpoint, [textOf(checkpoint)]);
    return 0;
  }
  const path = resolve(context.cwd, output);
  const checkpoint = await writeOutputFile(path, { force }, async (write) => {
    const made = await client.checkpoint();
    await write(`${textOf(made)}\n`);
    return made;
  });
  context.output.result({ ...checkpoint, output: path }, [
    `The log up to entry ${checkpoint.sequence} is signed in ${path}.`,
    "  Keep it on another machine: `kiln audit verify --checkpoint FILE` then detects entries that were cut off or rewritten.",
  ]);
  return 0;
}

function textOf(checkpoint: object): string {
  return JSON.stringify(checkpoint, null, 2);
}
