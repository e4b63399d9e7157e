import { z } from "zod";
import { action } from "../../../domain/schema/actions.ts";
import { admission } from "../../../domain/schema/admission.ts";
import { climbing } from "../../../domain/schema/candidate.ts";
import { release, unbuiltRelease, wantedRelease } from "../../../domain/schema/release.ts";
import { broughtCommits, origin, rollout, traceContext } from "../../../domain/schema/rollout.ts";
import { rolloutPolicy, upkeepPolicy } from "../../../domain/schema/spec.ts";
import { amount, atMs, count, maybe, newServiceKey, releaseNumber } from "../../../domain/schema/values.ts";
import { ChangeService, expect, expectedNow, reason, target } from "../common.ts";

const supersede = z.boolean().optional().describe("End a running rollout and start this one in its place.");

const whereto = target
  .optional()
  .describe(
    "Where the service is to run. Absent: where it is, a new one on `local`. `move` brings it elsewhere.",
  );

const breakGlass = z
  .boolean()
  .optional()
  .describe("Begin the rollout against policies; another person has to review it. Needs a reason.");

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
  trace: traceContext
    .optional()
    .describe("What the trace of the rollout is part of, and the build before it. Absent: not known."),
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

const Move = ChangeService.extend({
  target: z.string().min(1).max(64).describe("Where the service is to be."),
});

const GiveUp = ChangeService.extend({
  target: z.string().min(1).max(64).describe("The one that the service has left."),
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
    Move.pick({ target: true }).extend({ kind: z.literal("move") }),
    GiveUp.pick({ target: true }).extend({ kind: z.literal("give-up") }),
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

const Accepted = z.object({
  service: z.string(),
  release: z.number().int(),
  rollout: maybe(z.number().int()).describe("Absent when nothing has to be rolled out."),
  scaled: maybe(z.object({ from: count, to: count })),
  adopted: z
    .array(z.string())
    .optional()
    .describe("The changed settings of rollout, drift and age. Absent: none."),
  admission: admission
    .optional()
    .describe("What policies said. Absent: there are none, or nothing has to be rolled out."),
});

const Checked = z.object({
  commit: maybe(z.string()).describe(
    "The git commit that the serving release was deployed from. Absent: not known.",
  ),
});

const ChangePlan = z.object({
  service: z.string(),
  target: z.string().describe("Where it is, or a new service would be."),
  serving: maybe(release),
  final: maybe(releaseNumber).describe("The release that is to serve at the end. Absent: none."),
  rollout: maybe(rollout).describe("The one that runs: the plan begins where it stands."),
  changes: z.array(z.string()),
  actions: z.array(action),
  peakServers: amount,
  fewestInTraffic: amount,
  admission: admission
    .optional()
    .describe("What policies say of the rollout and its image now. Absent: there are none."),
  byHand: z
    .array(z.string())
    .optional()
    .describe("What people have to do themselves, in order, one sentence each. Absent: nothing."),
  data: z.array(z.string()).describe("What becomes of the data in volumes, one sentence each."),
  platform: z
    .array(z.string())
    .optional()
    .describe("What the platform would do for new releases, one sentence each. Absent: it says nothing."),
  manifests: z
    .array(z.unknown())
    .optional()
    .describe(
      "What was asked for with `manifests`: objects for the cluster, in the order in which they would be made, with values of secrets masked.",
    ),
  downtime: z.string(),
  digest: z
    .string()
    .describe(
      "`sha256:…` of what would be done, and of what it would be done to. `expect.plan` takes it: where another plan has become of it, nothing is done.",
    ),
});

const Candidates = z.array(
  z.object({
    id: z.number().int(),
    service: z.string(),
    image: z.string(),
    version: z.string(),
    commit: maybe(z.string()).describe("Absent: not known."),
    environments: z.array(z.string()).describe("Where it can climb to."),
    serves: z.array(z.string()).describe("Environments of its ladder where its image serves."),
    createdAtMs: atMs,
    createdBy: z.string(),
  }),
);

const rung = z.object({
  ladder: z.string().describe("The service, without an environment."),
  environment: z.string(),
  service: z.string().describe("With its environment: `shop.production`."),
  rollout: maybe(z.number().int()).describe("The one that runs."),
  serving: maybe(
    z.object({
      ...{ release: releaseNumber, version: z.string(), image: z.string() },
      ...{ createdAtMs: atMs, by: z.string().describe("Who brought it.") },
    }),
  ),
  candidate: maybe(z.number().int()).describe("Whose image serves. Absent: no kept one's."),
  newer: maybe(amount).describe("How many candidates are newer than that."),
  next: maybe(
    z.object({
      candidate: z.number().int(),
      version: z.string(),
      refused: admission.shape.rules.describe(
        "What stands against it now. Reasons, approvals and signatures are asked for with its plan.",
      ),
    }),
  ).describe("What a promotion would take."),
  because: maybe(z.string()).describe("Why it would take nothing."),
});

const Rungs = z.array(rung).describe("Ladder by ladder, each from its foot.");

/** What the operations are asked with. */
export const changesAsks = { Check, Deploy, GiveUp, Move, Plan, Promotion, Rollback, Scale };

/** What they answer. */
export const changesAnswers = { Accepted, Candidates, ChangePlan, Checked, Rungs };
