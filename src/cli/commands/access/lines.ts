import { type Grant, grantText } from "../../../domain/access/access.ts";
import { plainText } from "../../output/text.ts";
import { formatAge } from "../../output/units.ts";

/** What a token may do, and for how long. */
export function accessLines(
  { grants, expiresAtMs }: { readonly grants: readonly Grant[]; readonly expiresAtMs: number | undefined },
  nowMs: number,
): string[] {
  return [
    ...grants.map((grant) => `  ${plainText(grantText(grant))}`),
    ...(expiresAtMs === undefined ? [] : [`  expires in ${formatAge(expiresAtMs - nowMs)}`]),
  ];
}

/** `environment=production, repository_id=74` */
export function claimsText(claims: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(claims)
    .map(([name, values]) => `${name}=${values.join(" or ")}`)
    .join(", ");
}
