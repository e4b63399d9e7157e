import { z } from "zod";
import { secretName } from "../../../domain/schema/spec.ts";
import { atMs, base64, newServiceKey, releaseNumber } from "../../../domain/schema/values.ts";
import { reason, Service } from "../common.ts";

const SetSecret = z.strictObject({
  service: newServiceKey,
  name: secretName,
  value: base64.max(1_500_000).describe("At most 64 KiB, as base64."),
  reason,
});

const RemoveSecret = Service.extend({ name: z.string().min(1).max(128), reason });

const SecretSet = z.object({
  version: releaseNumber,
  changed: z.boolean(),
});

const SecretVersion = z.object({
  service: z.string(),
  name: z.string(),
  version: z.number().int().min(1),
  createdAtMs: atMs,
  createdBy: z.string(),
  releases: z.array(releaseNumber).describe("The kept releases whose servers get it."),
});

const Secrets = z.array(SecretVersion);

/** What the operations are asked with. */
export const secretsAsks = { RemoveSecret, SetSecret };

/** What they answer. */
export const secretsAnswers = { SecretSet, Secrets };
