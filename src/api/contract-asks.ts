import { z } from "zod";
import { mostFindings } from "../audit/replay.ts";
import { admissionMode, keyName, signedBy } from "../domain/schema/admission.ts";
import { climbing } from "../domain/schema/candidate.ts";
import { unbuiltRelease, wantedRelease } from "../domain/schema/release.ts";
import { broughtCommits, origin } from "../domain/schema/rollout.ts";
import { rolloutPolicy, secretName, upkeepPolicy } from "../domain/schema/spec.ts";
import { targetName, targetOptions } from "../domain/schema/target.ts";
import {
  amount,
  base64,
  count,
  durationMs,
  environmentName,
  newServiceKey,
  printable,
  releaseNumber,
} from "../domain/schema/values.ts";
import { accessAsks } from "./contract-access-schemas.ts";
import { webhookAsks } from "./contract-webhook-schemas.ts";

/**
 * What operations are asked with: one object each. Fields that the route's path names come from the path, the others from
 * the query of a GET or the JSON body of a POST. The actor is not part of the argument: the transport adds it.
 */

/** Paths and queries hold texts only. */
const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number")
  .transform(Number);
const flag = z.enum(["true", "false"]).transform((text) => text === "true");

const service = z.string().min(1).max(128);
const server = z.string().min(1).max(200);
const supersede = z.boolean().optional().describe("End a running rollout and start this one in its place.");
const givenReason = z.string().trim().min(1).max(1_000);
const reason = givenReason.optional().describe("Why, for the event log.");

const expectedNow = z.strictObject({
  serving: amount.optional().describe("The number of the release that serves; 0: none."),
  rollout: amount.optional().describe("The id of the running rollout; 0: none."),
});

const planDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");

const expect = expectedNow
  .extend({
    plan: planDigest
      .optional()
      .describe(
        "The digest of the shown plan: if the plan has changed since, the request fails and nothing changes.",
      ),
  })
  .optional()
  .describe("What the client believes to be the case. If it is not, the request fails and nothing changes.");

const Nothing = z.strictObject({});

const Because = z.strictObject({ reason });

const Service = z.strictObject({ service });

const ChangeService = Service.extend({ expect, reason });

const target = z.string().min(1).max(128);

const whereto = target
  .optional()
  .describe("Where the service is to run. Absent: where it is, a new one on `local`. It never moves.");

const Target = z.strictObject({ target });

const AddTarget = z.strictObject({
  target: targetName,
  platform: z.string().min(1).max(64),
  options: targetOptions.default({}).describe("What the platform needs to know."),
  reason,
});

const RemoveTarget = Target.extend({ reason });

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

const AddKey = z.strictObject({
  name: keyName,
  publicKey: z.string().min(1).max(4_096).describe("An ECDSA P-256 public key in PEM."),
  reason,
});

const RevokeKey = z.strictObject({ name: z.string().min(1).max(128), reason: givenReason });

const policyTarget = target.optional().describe("Absent: for every target.");

const RequireSigned = z.strictObject({ target: policyTarget, mode: admissionMode, signedBy, reason });

const LiftPolicy = z.strictObject({ target: policyTarget, reason });

const breakGlass = z
  .boolean()
  .optional()
  .describe("Begin the rollout against policies; another person has to review it. Needs a reason.");

const policyText = {
  name: printable(200).describe("The name of the file, for the places of refusals."),
  text: z.string().max(262_144).describe("The content of the file, YAML."),
};

const SetPolicy = z.strictObject({ ...policyText, reason });

const scope = {
  environment: environmentName.optional().describe("An environment; `none`: services without one."),
  service: newServiceKey.optional().describe("Only this service."),
};

const Freeze = z.strictObject({
  ...scope,
  forMs: durationMs.optional().describe("Absent: until someone lifts it."),
  reason: givenReason,
});

const Unfreeze = z.strictObject({
  ...scope,
  id: amount.optional().describe("One freeze. Absent: all of exactly this scope."),
  reason,
});

const Approve = z.strictObject({
  plan: planDigest.describe("The digest of a plan."),
  service: newServiceKey
    .optional()
    .describe(
      "Counts only for a plan of this service. Absent: of any, which needs the right for every service.",
    ),
  reason,
});

const TestPolicy = z.strictObject(policyText);

const Review = z.strictObject({ rollout: wholeNumber, reason: givenReason });

const Check = z.strictObject({
  service: newServiceKey,
  target: whereto,
  draft: unbuiltRelease,
  supersede,
  begin: z
    .strictObject({ reason, breakGlass })
    .optional()
    .describe("Also whether policies let a rollout begin now, for someone who says this. Absent: not asked."),
  expect: expectedNow.optional().describe("As for the deploy, without `plan`: a plan needs the image."),
});

const Deploy = z.strictObject({
  service: newServiceKey,
  target: whereto,
  count,
  draft: wantedRelease,
  policy: rolloutPolicy,
  upkeep: upkeepPolicy
    .optional()
    .describe("The settings for drift and age of its servers. Absent: unchanged."),
  origin: origin.optional(),
  commits: broughtCommits
    .optional()
    .describe("Commits since the serving release's, for the event log. Absent: not known."),
  supersede,
  breakGlass,
  climbing: climbing.optional().describe("Makes the image a candidate for environments above this one."),
  expect,
  reason,
});

const Promotion = z.strictObject({
  service: newServiceKey.describe("The service in the environment to go to: `shop.production`."),
  candidate: amount
    .optional()
    .describe("Absent: the newest one whose image serves in the environment below."),
  supersede,
  breakGlass,
  expect,
  reason,
});

const Rollback = ChangeService.extend({
  release: releaseNumber.optional().describe("Absent: the last good release."),
  withData: z
    .boolean()
    .optional()
    .describe("Put the newest snapshots of its data in place of the data of its volumes."),
});

const Scale = ChangeService.extend({ count });

const change = z
  .discriminatedUnion("kind", [
    Deploy.pick({
      target: true,
      count: true,
      draft: true,
      policy: true,
      upkeep: true,
      supersede: true,
    }).extend({
      kind: z.literal("deploy"),
    }),
    Rollback.pick({ release: true, withData: true }).extend({ kind: z.literal("rollback") }),
    Scale.pick({ count: true }).extend({ kind: z.literal("scale") }),
    Promotion.pick({ candidate: true, supersede: true }).extend({ kind: z.literal("promotion") }),
    z.strictObject({ kind: z.enum(["promote", "abort", "pause", "resume", "remove"]) }),
  ])
  .describe("The change, with the fields of the operation of that name.");

const Plan = z.strictObject({
  service: newServiceKey,
  change,
  manifests: z
    .boolean()
    .optional()
    .describe("Also the objects that the target's platform would be given, where it is given any."),
});

const OfService = z.strictObject({
  service: z.string().optional().describe("Only of this service."),
});

const Image = z.strictObject({ digest: z.string().min(1).max(128) });

const ChangeImage = z.strictObject({
  service: z.string().min(1).max(128),
  version: z.string().min(1).max(128),
  reason,
});

const SetSecret = z.strictObject({
  service: newServiceKey,
  name: secretName,
  value: base64.max(1_500_000).describe("At most 64 KiB, as base64."),
  reason,
});

const RemoveSecret = Service.extend({ name: z.string().min(1).max(128), reason });

const volume = z.string().min(1).max(128);
const snapshot = z.string().min(1).max(128);

const OneVolume = Service.extend({ name: volume, reason });

const RestoreVolume = OneVolume.extend({ snapshot });

const ExportVolume = Service.extend({
  name: volume,
  snapshot: snapshot.optional().describe("Absent: the data as it is now."),
});

const ImportVolume = OneVolume.extend({
  upload: z
    .string()
    .max(64)
    .optional()
    .describe("The id from the answer to the first piece; absent in that."),
  data: base64.describe("The next piece of the archive, as base64. A body has at most 2 MiB."),
  last: z.boolean().optional().describe("Whether this is the last piece."),
});

const RemoveVolume = OneVolume.extend({
  snapshot: snapshot.optional().describe("Remove only this snapshot."),
});

const RunJob = Service.extend({
  job: z.string().min(1).max(32).optional().describe("A scheduled job. Absent: only a command."),
  command: z
    .array(z.string().max(100_000))
    .min(1)
    .max(1_000)
    .optional()
    .describe("Instead of the job's command."),
  deadlineMs: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("How long it may take. Absent: as the job, or an hour."),
  reason,
});

const OneRollout = z.strictObject({ id: wholeNumber });

const Events = z.strictObject({
  after: wholeNumber
    .optional()
    .describe("Only events with a higher sequence number. The header `Last-Event-ID` takes precedence."),
  newest: wholeNumber
    .optional()
    .describe("Of these, only this number of the newest. 0: none that has happened yet."),
  sinceMs: wholeNumber.optional().describe("Only events of this Unix time in ms or later."),
  service: z.string().optional(),
  server: z.string().optional().describe("Only events of this server."),
  follow: flag.optional().describe("Continue with events as they happen."),
});

const AcceptBreaks = z.strictObject({
  breaks: z
    .array(z.string().regex(/^[0-9a-f]{32}$/, "32 hex digits"))
    .max(mostFindings)
    .describe("Ids of the problems that a replay has found."),
  first: amount
    .optional()
    .describe(
      "The sequence number of the first one; absent when another program has only written to the database.",
    ),
  upTo: amount.describe("The last entry that was replayed."),
  reason: givenReason,
});

const Drift = z.strictObject({
  server: z.string().optional().describe("Only drift of this server."),
  inspect: flag.optional().describe("Inspect every server once more first."),
});

const Server = z.strictObject({ server });

const ChangeServer = Server.extend({ reason });

const Exec = z.strictObject({
  server,
  command: z.array(z.string().max(100_000)).min(1).max(1_000),
  reason: givenReason,
  terminal: z.boolean().describe("Whether the command gets a terminal; otherwise three pipes."),
  pid: z.number().int().min(1).describe("The process that runs it, and ends with the session."),
});

const EndExec = z.strictObject({ session: wholeNumber, exitCode: z.number().int().min(0).max(255) });

const Logs = z.strictObject({
  server,
  tail: wholeNumber.optional().describe("Only this number of the last lines."),
  follow: flag.optional().describe("Continue with lines as they are written."),
});

const Overview = z.strictObject({
  q: z.string().max(128).optional().describe("Only services whose name has this in it."),
  cursor: z.string().max(200).optional().describe("`next` of the page before. Absent: the first page."),
  limit: wholeNumber
    .pipe(z.number().min(1).max(1_000))
    .optional()
    .describe("Services on a page; 200 when absent."),
});

const Diff = Service.extend({
  from: wholeNumber.describe("The number of a kept release."),
  to: wholeNumber.describe("The number of another."),
});

const Figures = z.strictObject({
  service: z.string().min(1).max(128).optional().describe("Only of this service."),
  sinceMs: wholeNumber.optional().describe("From this Unix time in ms on; 90 days before now when absent."),
});

const Traffic = Service.extend({
  sinceMs: wholeNumber.optional().describe("From this Unix time in ms on; an hour before now when absent."),
  untilMs: wholeNumber.optional().describe("Only what began before this Unix time in ms."),
});

/** Every argument by the name that the table has for it. */
export const asks = {
  ...accessAsks,
  ...webhookAsks,
  ...{
    AcceptBreaks,
    AddKey,
    ChannelName,
    RemoveChannel,
    RevokeImage,
    SetChannel,
    UnrevokeImage,
    AddTarget,
    Approve,
    Because,
    ChangeImage,
    ChangeServer,
    ChangeService,
    Check,
    Deploy,
    Diff,
    Drift,
    EndExec,
    Events,
    Exec,
    ExportVolume,
    Figures,
    Freeze,
    Image,
    ImportVolume,
    LiftPolicy,
    Logs,
  },
  ...{
    Nothing,
    OfService,
    OneRollout,
    OneVolume,
    Overview,
    Plan,
    Promotion,
    RemoveSecret,
    RemoveTarget,
    RemoveVolume,
    RequireSigned,
    RestoreVolume,
    Review,
    RevokeKey,
    Rollback,
    RunJob,
    Scale,
    Server,
    Service,
    SetPolicy,
    SetSecret,
    Target,
    TestPolicy,
    Traffic,
    Unfreeze,
  },
};
