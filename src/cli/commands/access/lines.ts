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
