import { z } from "zod";
import {
  admissionMode,
  imagePolicy,
  keyName,
  signedBy,
  trustedKey,
} from "../../../domain/schema/admission.ts";
import { givenReason, reason, target } from "../common.ts";

const AddKey = z.strictObject({
  name: keyName,
  publicKey: z.string().min(1).max(4_096).describe("An ECDSA P-256 public key in PEM."),
  reason,
});

const RevokeKey = z.strictObject({ name: z.string().min(1).max(128), reason: givenReason });

const policyTarget = target.optional().describe("Absent: for every target.");

const RequireSigned = z.strictObject({ target: policyTarget, mode: admissionMode, signedBy, reason });

const LiftPolicy = z.strictObject({ target: policyTarget, reason });

const Trust = z.object({
  keys: z.array(trustedKey).describe("By name, revoked ones too."),
  policies: z.array(imagePolicy).describe("An image must meet all that hold for its target."),
});

/** What the operations are asked with. */
export const trustAsks = { AddKey, LiftPolicy, RequireSigned, RevokeKey };

/** What they answer. */
export const trustAnswers = { Trust, TrustedKey: trustedKey };
