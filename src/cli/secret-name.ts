import { KilnError } from "../lib/errors.ts";

/** As in kiln.yaml. Throws `usage`; most of all for `NAME=VALUE`, whose value is by then known to all who look. */
export function requireSecretName(name: string): void {
  if (/^[A-Z][A-Z0-9_]{0,63}$/.test(name)) return;
  const assigned = /^([A-Z][A-Z0-9_]*)=/.exec(name)?.[1];
  throw new KilnError(
    "usage",
    assigned === undefined
      ? "That is not the name of a secret: expected upper-case letters, digits and underscores, a letter first."
      : `A value does not belong on the command line, where others can see it; expected ${assigned} alone.`,
    {
      hint:
        assigned === undefined
          ? "For example DB_PASSWORD."
          : "Standard input takes it. Choose another value: this one may be in the shell's history.",
    },
  );
}
