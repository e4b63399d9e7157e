import type { ServiceKey } from "../../../domain/ids.ts";
import { KilnError } from "../../../lib/errors.ts";

/** As in kiln.yaml. Throws `usage`, also for `NAME=VALUE`: other users could have seen that value. */
export function requireSecretName(name: string): void {
  if (/^[A-Z][A-Z0-9_]{0,63}$/.test(name)) return;
  const assigned = /^([A-Z][A-Z0-9_]*)=/.exec(name)?.[1];
  throw new KilnError(
    "usage",
    assigned === undefined
      ? "This is not the name of a secret: expected upper-case letters, digits and underscores, a letter first."
      : `A value does not belong on the command line, where others can see it; expected ${assigned} alone.`,
    {
      hint:
        assigned === undefined
          ? "For example DB_PASSWORD."
          : "Give the value on standard input. Choose another value: this one may be in the shell's history.",
    },
  );
}

/** A secret may be set before its service exists, so only the name is checked. Throws `usage`. */
export function requireServiceKey(service: ServiceKey): void {
  if (/^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31})?$/.test(service)) return;
  throw new KilnError(
    "usage",
    `${JSON.stringify(service)} is not the name of a service: expected lower-case letters, digits and hyphens, a letter first.`,
    { hint: "For example shop, or shop.staging for its environment staging." },
  );
}
