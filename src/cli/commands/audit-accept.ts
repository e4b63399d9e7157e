import { mostFindings } from "../../audit/replay.ts";
import { KilnError } from "../../lib/errors.ts";
import type { AcceptRequest } from "../api.ts";
import { askReason } from "../ask-reason.ts";
import { type ReplayOptions, replayLog } from "../audit/replay-log.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText } from "../output/text.ts";
import { plural } from "../output/units.ts";
import { whoAmI } from "../people.ts";

interface AcceptOptions extends ReplayOptions {
  readonly reason?: string;
}

/** Records that what a replay finds is known. A controller is asked first: what it sees at its start is part of that. */
export async function run(context: Context, options: AcceptOptions): Outcome {
  const client = await context.connect();
  const { output } = context;
  const { report } = await replayLog(context, options);
  const { open, touched, end, finding } = report;
  if (finding === undefined && touched === undefined) {
    output.result({ accepted: 0 }, ["There is nothing to accept: nothing is wrong that is not known."]);
    return 0;
  }
  if (open.length >= mostFindings) throw tooMany();
  const what =
    finding === undefined
      ? "Another program has written to the state database."
      : `The log is not what was written in ${plural(open.length, "place")}, first in entry ${finding.sequence}: ${plainText(finding.message)}`;
  output.note(what);
  const reason = await reasonOf(context, options);
  const request: AcceptRequest = {
    breaks: open.map(({ id }) => id),
    ...(finding === undefined ? {} : { first: finding.sequence }),
    upTo: end,
    reason,
    by: whoAmI(context.env),
  };
  const { sequence } = await client.acceptBreaks(request);
  output.result({ accepted: open.length, sequence, first: request.first, reason, by: request.by }, [
    `Entry ${sequence} records that ${request.by} has accepted this. \`kiln audit verify\` goes on telling of it.`,
  ]);
  return 0;
}

async function reasonOf(context: Context, { reason }: AcceptOptions): Promise<string> {
  const none = new KilnError("usage", "Nothing is accepted without a reason.", {
    hint: "Give one with --reason: it is kept in the log.",
  });
  return reason?.trim() || askReason(context, "What has happened to the log?", none);
}

function tooMany(): KilnError {
  return new KilnError("state_corrupt", `The log was changed in ${mostFindings} places or more.`, {
    hint: "So much cannot be accepted: keep what `kiln audit export` writes, and restore the database from a backup.",
  });
}
