import { z } from "zod";
import { amount, atMs, maybe } from "../../../domain/schema/values.ts";
import { givenReason, reason, service } from "../common.ts";

const imageDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");

const RevokeImage = z.strictObject({
  digest: imageDigest,
  reason: givenReason.describe("Why; it is shown to everyone who meets the image."),
  atMs: amount.optional().describe("From this moment on. Absent: from now on."),
});

const UnrevokeImage = z.strictObject({ digest: imageDigest, reason });

const channelName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "lower-case letters, digits and `-`, a letter first");

const ChannelName = z.strictObject({ service, name: channelName });

const RemoveChannel = ChannelName.extend({ reason });

const SetChannel = ChannelName.extend({ version: z.string().min(1).max(128), reason });

const OneImage = z.strictObject({ digest: z.string().min(1).max(128) });

const ChangeImage = z.strictObject({
  service: z.string().min(1).max(128),
  version: z.string().min(1).max(128),
  reason,
});

const Revocation = z.object({
  digest: z.string(),
  atMs: atMs.describe("From this moment on; it may be yet to come."),
  reason: z.string(),
  by: z.string(),
});

const Channel = z.object({
  service: z.string(),
  name: z.string(),
  version: z.string(),
  digest: z.string(),
  setAtMs: atMs,
  setBy: z.string(),
});

const ChannelHistory = Channel.extend({
  revoked: Revocation.optional().describe("Of the image where it is, or of one that it is built on."),
  history: z.array(Channel).describe("The newest first."),
});

const imageName = { service: z.string(), version: z.string(), digest: z.string() };

const Images = z.array(
  z.object({
    ...imageName,
    contentDigest: z.string().describe("Of the layers alone."),
    bytes: amount.describe("Of all layers; equal layers are stored once."),
    createdAtMs: atMs,
    pinned: z.boolean().describe("It stays until it is unpinned."),
    usedBy: z.array(z.string()).describe("The kept releases, candidates and channels that name it."),
    revoked: Revocation.optional().describe("Of the image, or of one that it is built on."),
  }),
);

const Image = z.object({
  digest: z.string(),
  names: z.array(z.string()).describe("SERVICE:VERSION of each of its versions."),
  os: z.string(),
  architecture: z.string(),
  layers: z
    .array(z.object({ digest: z.string(), bytes: amount, name: maybe(z.string()) }))
    .describe("Bottom layer first."),
  user: maybe(z.string()),
  command: z.array(z.string()),
  env: z.array(z.string()),
  workingFolder: maybe(z.string()),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  attached: z
    .array(z.object({ digest: z.string(), type: z.string() }))
    .describe("What refers to it as its subject, such as a signature."),
});

const Collected = z.object({
  images: z.array(z.object(imageName)).describe("The removed versions."),
  files: amount,
  bytes: amount,
});

/** What the operations are asked with. */
export const imagesAsks = {
  ChannelName,
  RemoveChannel,
  RevokeImage,
  SetChannel,
  UnrevokeImage,
  ChangeImage,
  OneImage,
};

/** What they answer. */
export const imagesAnswers = {
  Images,
  Image,
  Collected,
  Channel,
  Channels: z.array(Channel),
  ChannelHistory,
  Revocation,
  Revocations: z.array(Revocation),
};
