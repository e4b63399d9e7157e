import { KilnError } from "../lib/errors.ts";
import type { Context } from "./context.ts";

/** What somebody is asked before it is done. */
interface Consent {
  /** Continues "This ...": `removes shop`. */
  readonly what: string;
  /** Ends in a question mark. */
  readonly question: string;
  /** Says that nothing was done. */
  readonly refused: string;
}

/** Asks on a terminal. Throws `usage` where nobody can answer, so that `--yes` has to say it, and `cancelled` after a no. */
export async function askConsent(context: Context, { what, question, refused }: Consent): Promise<void> {
  if (!process.stdin.isTTY || context.output.json) {
    throw new KilnError("usage", `This ${what}.`, { hint: "Repeat it with --yes if that is meant." });
  }
  const { createInterface } = await import("node:readline/promises");
  const dialog = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await dialog.question(`${question} [y/N] `, { signal: context.signal });
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    dialog.close();
  }
  throw new KilnError("cancelled", refused);
}
