import type { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";

/** Asks on a terminal and returns the answer. Throws `none` when no one can answer and when the answer is empty. */
export async function askReason(
  { output, signal }: Context,
  question: string,
  none: KilnError,
): Promise<string> {
  if (!process.stdin.isTTY || output.json) throw none;
  const { createInterface } = await import("node:readline/promises");
  const dialog = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = (await dialog.question(`${question} `, { signal })).trim();
    if (answer === "") throw none;
    return answer;
  } finally {
    dialog.close();
  }
}
