import type { KilnError } from "../lib/errors.ts";
import type { Context } from "./context.ts";

/** What somebody answers on a terminal. Throws `none` where nobody can answer, and when nothing is said. */
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
