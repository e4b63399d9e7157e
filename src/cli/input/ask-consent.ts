import { KilnError } from "../../lib/errors.ts";
import type { Context } from "../context.ts";

/** What a person is asked before a command changes something. */
interface Consent {
  /** Continues "This ...": `removes shop`. */
  readonly what: string;
  /** Ends in a question mark. */
  readonly question: string;
  /** Says that nothing was done. */
  readonly refused: string;
}

/** Asks on a terminal. Throws `usage` when no one can answer (then `--yes` is needed), and `cancelled` after a no. */
export async function askConsent(context: Context, { what, question, refused }: Consent): Promise<void> {
  if (!process.stdin.isTTY || context.output.json) {
    throw new KilnError("usage", `This ${what}.`, { hint: "To confirm, repeat the command with --yes." });
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
