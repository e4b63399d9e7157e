import type { ContractEntry } from "../entry.ts";

/** The part of the table about secrets. */
export const secretsTable = {
  /** By service and name, the oldest version first. */
  secrets: {
    method: "GET",
    path: "/v1/secrets",
    needs: "view services",
    summary: "Secrets with their versions; never a value.",
    asks: "OfService",
    answers: "Secrets",
  },
  /** Changes no server. Throws `secret_invalid`, `secret_key_invalid`. */
  setSecret: {
    method: "POST",
    path: "/v1/services/:service/secrets/:name",
    needs: "operate service",
    summary: "Stores a new version of a secret, for the next deploy.",
    asks: "SetSecret",
    answers: "SecretSet",
  },
  /** With all its versions. Throws `secret_unknown`, `secret_in_use`. */
  removeSecret: {
    method: "POST",
    path: "/v1/services/:service/secrets/:name/remove",
    needs: "operate service",
    summary: "Removes a secret that no kept release uses.",
    asks: "RemoveSecret",
  },
} as const satisfies Record<string, ContractEntry>;
