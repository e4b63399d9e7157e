import type { TrustedKey } from "../../../domain/policy/admission.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { trustTable } from "./operations.ts";

const trustedKey: TrustedKey = {
  ...{ name: "release", keyId: "0123456789abcdef", publicKey: "-----BEGIN PUBLIC KEY-----\n" },
  ...{ addedAtMs: 1, addedBy: "ada", revoked: undefined },
};

/** What they are asked, at least once each. */
export const trustAsked: AskedOf<typeof trustTable> = {
  trust: [{}],
  trustKey: [{ name: "release", publicKey: "-----BEGIN PUBLIC KEY-----\n" }],
  revokeKey: [{ name: "release", reason: "lost" }],
  requireSigned: [{ target: "north", mode: "warn", signedBy: ["release"] }],
  liftPolicy: [{}, { target: "north" }],
};

/** Full values. */
export const trustAnswered: OperationsOf<typeof trustTable> = {
  trust: async () => ({
    keys: [trustedKey, { ...trustedKey, name: "old", revoked: { atMs: 2, by: "ada", reason: "lost" } }],
    policies: [{ target: undefined, mode: "enforce", signedBy: ["release"] }],
  }),
  trustKey: async () => trustedKey,
  revokeKey: async () => {},
  requireSigned: async () => {},
  liftPolicy: async () => {},
};
