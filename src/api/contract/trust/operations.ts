import type { ContractEntry } from "../entry.ts";

/** The part of the table about whose images may run. */
export const trustTable = {
  trust: {
    method: "GET",
    path: "/v1/trust",
    needs: "view installation",
    summary: "Keys whose signatures of images count, and the policies that ask for them.",
    asks: "Nothing",
    answers: "Trust",
  },
  /** Throws `signing_key_invalid`, `trusted_key_taken`. */
  trustKey: {
    method: "POST",
    path: "/v1/trust/keys/:name",
    needs: "administer installation",
    summary: "Adds a key; its signatures count where a policy names it.",
    asks: "AddKey",
    answers: "TrustedKey",
  },
  /** Repeating it is fine. Throws `trusted_key_unknown`. */
  revokeKey: {
    method: "POST",
    path: "/v1/trust/keys/:name/revoke",
    needs: "administer installation",
    summary: "Revokes a key for good: its signatures no longer count, whenever they were made.",
    asks: "RevokeKey",
  },
  /** Throws `trusted_key_unknown`, `target_unknown`. */
  requireSigned: {
    method: "POST",
    path: "/v1/trust/require",
    needs: "administer installation",
    summary: "Sets the image policy of a target, or of all: from the next deploy or rollback on.",
    asks: "RequireSigned",
  },
  liftPolicy: {
    method: "POST",
    path: "/v1/trust/lift",
    needs: "administer installation",
    summary: "Removes the image policy of a target, or the one of all.",
    asks: "LiftPolicy",
  },
} as const satisfies Record<string, ContractEntry>;
