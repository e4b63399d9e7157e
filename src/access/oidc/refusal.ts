import { KilnError } from "../../lib/errors.ts";

const usualHint =
  "docs/remote-access.md#pipelines says what a pipeline needs. On the controller's machine, `kiln access ls` shows the trust rules, and `kiln audit log` the refusal.";

/** `why` and `expected` continue sentences. */
export function refusal(why: string, expected?: string, hint: string = usualHint): KilnError {
  const end = expected === undefined ? "." : `; expected ${expected}.`;
  return new KilnError("identity_refused", `The pipeline's token is refused: ${why}${end}`, { hint });
}
