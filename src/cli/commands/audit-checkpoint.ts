import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Context, Outcome } from "../context.ts";

interface CheckpointOptions {
  readonly output?: string;
}

export async function run(context: Context, options: CheckpointOptions): Outcome {
  const checkpoint = await (await context.connect()).checkpoint();
  const text = JSON.stringify(checkpoint, null, 2);
  if (options.output === undefined) {
    context.output.result(checkpoint, [text]);
    return 0;
  }
  const path = resolve(context.cwd, options.output);
  await writeFile(path, `${text}\n`);
  context.output.result({ ...checkpoint, output: path }, [
    `The log up to entry ${checkpoint.sequence} is signed in ${path}.`,
    "  Keep it on another machine: `kiln audit verify --checkpoint FILE` then sees what is cut off or rewritten.",
  ]);
  return 0;
}
