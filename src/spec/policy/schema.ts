import { z } from "zod";
import { parseDays } from "../../domain/policy/windows.ts";
import { isTimeZone } from "../../lib/time/time-zone.ts";
import * as leaf from "../yaml/leaves.ts";
import { namePattern } from "../yaml/values.ts";

/** The one description of a policy file. */

const clock = "([01]\\d|2[0-3]):[0-5]\\d";

const moment = () =>
  leaf.text({
    expected: 'a time such as "09:00", or a date with a time such as "2026-12-23 18:00"',
    pattern: new RegExp(`^(${clock}|24:00|\\d{4}-\\d\\d-\\d\\d ${clock})$`),
    examples: ["09:00", "2026-12-23 18:00"],
    parse: (found) => (found.length === 5 || isOfCalendar(found) ? found : undefined),
    hint: (found) => (typeof found === "number" ? 'Put the time in quotes, as in "09:00".' : undefined),
  });

/** A day that a month lacks would count as one of the next month. */
function isOfCalendar(moment: string): boolean {
  const iso = `${moment.replace(" ", "T")}:00.000Z`;
  const date = new Date(iso);
  return !Number.isNaN(date.getTime()) && date.toISOString() === iso;
}

const days = () =>
  leaf.text({
    expected: "days such as mon-fri, or sat, sun",
    pattern: /^[a-zA-Z, -]{3,40}$/,
    examples: ["mon-fri", "sat, sun"],
    parse: parseDays,
  });

const zone = () =>
  leaf.text({
    expected: "a time zone such as UTC or Europe/Berlin",
    pattern: /^[A-Za-z][A-Za-z0-9_+/-]{1,60}$/,
    examples: ["UTC", "Europe/Berlin"],
    parse: (found) => (isTimeZone(found) ? found : undefined),
    hint: () => "`timedatectl list-timezones` lists them.",
  });

const window = z.strictObject(
  {
    days: days().optional().describe("Days of the week, of a window that comes every week."),
    from: moment().optional().describe('`"09:00"`, or with a date for a window that comes once.'),
    to: moment().optional().describe("Where it ends; at or before `from`: on the next day."),
    zone: zone().describe("Whose clocks it goes by."),
  },
  { error: "a mapping with days, from, to and zone" },
);

const windows = leaf.list(
  z.strictObject(
    { allow: window.optional(), deny: window.optional() },
    { error: "a mapping with allow or deny" },
  ),
  "windows",
);

const beginner = (expected: string, example: string) =>
  leaf
    .list(leaf.text({ expected, pattern: /^[\x21-\x7e]{1,200}$/, examples: [example] }), "names")
    .prefault([]);

const from = z
  .strictObject(
    {
      people: beginner("the name of a person, as `kiln whoami` shows it", "ada").describe(
        "People, by their names as `kiln whoami` shows them.",
      ),
      pipelines: beginner("the name of a trust rule", "shop-ci").describe(
        "Pipelines, by the names of the trust rules that let them in.",
      ),
      repositories: beginner(
        "a repository without protocol and .git, such as git.example.com/acme/shop",
        "git.example.com/acme/*",
      ).describe("Git repositories that services follow."),
    },
    { error: "a mapping with people, pipelines or repositories" },
  )
  .refine(
    ({ people, pipelines, repositories }) => people.length + pipelines.length + repositories.length > 0,
    { error: "at least one name under people, pipelines or repositories" },
  );

export const environmentPolicy = z.strictObject(
  {
    from: from.optional().describe("Who may begin rollouts."),
    windows: windows.optional().describe("When rollouts may begin."),
    requires: z
      .record(z.string().regex(namePattern, { error: "the name of an environment" }), leaf.duration("1m"), {
        error: "a mapping from environments to how long the image has served there",
      })
      .optional()
      .describe("How long the image has served in other environments, without rollback or drift."),
    approvals: z
      .strictObject(
        { count: leaf.whole(1, 10), expires: leaf.duration("1m").prefault("24h") },
        { error: "a mapping with count and expires" },
      )
      .optional()
      .describe("How many other persons say yes to the plan, and for how long that counts."),
    changes: z
      .literal("ci-only", { error: "the word ci-only" })
      .optional()
      .describe("Only pipelines begin rollouts; people need break-glass."),
    metadata: leaf
      .list(
        leaf.text({
          expected: "the name of a service, in which * stands for any characters",
          pattern: /^[a-z*][a-z0-9*-]{0,31}$/,
          examples: ["backup"],
        }),
        "services",
      )
      .optional()
      .describe("The services that may open the cloud's metadata service to their servers; [] for none."),
    reason: z
      .literal("required", { error: "the word required" })
      .optional()
      .describe("A rollout begins only with a reason."),
  },
  { error: "a mapping" },
);

export const policyDocument = z.strictObject(
  {
    policies: z.record(
      z.string().regex(/^(\*|[a-z][a-z0-9-]{0,31})$/, {
        error: 'the name of an environment, "none" for services without one, or "*" for all',
      }),
      environmentPolicy,
      { error: "a mapping from environments to their policies" },
    ),
  },
  { error: "a mapping" },
);

export type PolicyDocument = z.output<typeof policyDocument>;
export type WindowDocument = z.output<typeof window>;
