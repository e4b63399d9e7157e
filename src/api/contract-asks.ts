import { z } from "zod";
import { mostFindings } from "../audit/replay.ts";
import { unbuiltRelease, wantedRelease } from "../domain/schema/release.ts";
import { broughtCommits, origin } from "../domain/schema/rollout.ts";
import { rolloutPolicy, secretName, upkeepPolicy } from "../domain/schema/spec.ts";
import { amount, base64, count, newServiceKey, releaseNumber } from "../domain/schema/values.ts";

/**
 * What operations are asked with: one object each. What the path of its route names comes from there, the rest from the
 * query of a GET or the JSON body of a POST. Who asks is no part of it: that the transport tells.
 */

/** Paths and queries hold texts only. */
const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number")
  .transform(Number);
const flag = z.enum(["true", "false"]).transform((text) => text === "true");

const service = z.string().min(1).max(128);
const server = z.string().min(1).max(200);
const supersede = z.boolean().optional().describe("End a running rollout in favour of this one.");
const givenReason = z.string().trim().min(1).max(1_000);
const reason = givenReason.optional().describe("Why, for the event log.");

const expect = z
  .strictObject({
    serving: amount.optional().describe("The number of the release that serves; 0: none."),
    rollout: amount.optional().describe("The id of the running rollout; 0: none."),
  })
  .optional()
  .describe("What the asker believes is there: where something else is, nothing is done.");

const Nothing = z.strictObject({});

const Because = z.strictObject({ reason });

const Service = z.strictObject({ service });

const ChangeService = Service.extend({ expect, reason });

const Check = z.strictObject({ service: newServiceKey, draft: unbuiltRelease, supersede });

const Deploy = z.strictObject({
  service: newServiceKey,
  count,
  draft: wantedRelease,
  policy: rolloutPolicy,
  upkeep: upkeepPolicy
    .optional()
    .describe("What is done about drift and age of its servers; as it is when absent."),
  origin: origin.optional(),
  commits: broughtCommits
    .optional()
    .describe("Commits since the one that serves, for the event log. Absent: not known."),
  supersede,
  expect,
  reason,
});

const Rollback = ChangeService.extend({
  release: releaseNumber.optional().describe("The last good one when absent."),
});

const Scale = ChangeService.extend({ count });

const OfService = z.strictObject({
  service: z.string().optional().describe("Only those of one service."),
});

const SetSecret = z.strictObject({
  service: newServiceKey,
  name: secretName,
  value: base64.max(1_500_000).describe("At most 64 KiB, as base64."),
  reason,
});

const RemoveSecret = Service.extend({ name: z.string().min(1).max(128), reason });

const OneRollout = z.strictObject({ id: wholeNumber });

const Events = z.strictObject({
  after: wholeNumber
    .optional()
    .describe("Only events with a higher sequence number. `Last-Event-ID` goes first."),
  newest: wholeNumber
    .optional()
    .describe("Of those, only so many of the newest. 0: none that has happened yet."),
  sinceMs: wholeNumber.optional().describe("Only events of this Unix time in ms or later."),
  service: z.string().optional(),
  server: z.string().optional().describe("Only events of this server."),
  follow: flag.optional().describe("Go on with events as they happen."),
});

const AcceptBreaks = z.strictObject({
  breaks: z
    .array(z.string().regex(/^[0-9a-f]{32}$/, "32 hex digits"))
    .max(mostFindings)
    .describe("Ids of what a replay has found."),
  first: amount
    .optional()
    .describe("Where the first of them is; absent when another program has only written to the database."),
  upTo: amount.describe("The last entry that was replayed."),
  reason: givenReason,
});

const Drift = z.strictObject({
  server: z.string().optional().describe("Only of this server."),
  inspect: flag.optional().describe("Look at every server once more."),
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
  tail: wholeNumber.optional().describe("Only so many of the last lines."),
  follow: flag.optional().describe("Go on with lines as they are written."),
});

const Traffic = Service.extend({
  sinceMs: wholeNumber.optional().describe("From this Unix time in ms on; an hour before now when absent."),
  untilMs: wholeNumber.optional().describe("Only what began before this Unix time in ms."),
});

/** Every argument by the name that the table has for it. */
export const asks = {
  ...{
    AcceptBreaks,
    Because,
    ChangeServer,
    ChangeService,
    Check,
    Deploy,
    Drift,
    EndExec,
    Events,
    Exec,
    Logs,
  },
  ...{ Nothing, OfService, OneRollout, RemoveSecret, Rollback, Scale, Server, Service, SetSecret, Traffic },
};
