import { mostFindings } from "../../../audit/replay.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { AcceptRequest } from "../../api.ts";
import { type ReplayOptions, replayLog } from "../../audit/replay-log.ts";
import type { Context, Outcome } from "../../context.ts";
import { askReason } from "../../input/ask-reason.ts";
import { plainText } from "../../output/text.ts";
import { plural } from "../../output/units.ts";

interface AcceptOptions extends ReplayOptions {
  readonly reason?: string;
}

/** Records that the problems which a replay finds are known. A controller is asked first, because its check at the start is part of them. */
export async function run(context: Context, options: AcceptOptions): Outcome {
  const client = await context.connect();
  const { output } = context;
  const { report } = await replayLog(context, options);
  const { open, touched, end, finding } = report;
  if (finding === undefined && touched === undefined) {
    output.result({ accepted: 0 }, ["Nothing to accept: every problem in the log is already acknowledged."]);
    return 0;
  }
  if (open.length >= mostFindings) throw tooMany();
  const what =
    finding === undefined
      ? "Another program has written to the state database."
      : `The log was altered in ${plural(open.length, "place")}, first in entry ${finding.sequence}: ${plainText(finding.message)}`;
  output.note(what);
  const reason = await reasonOf(context, options);
  const request: AcceptRequest = {
    breaks: open.map(({ id }) => id),
    ...(finding === undefined ? {} : { first: finding.sequence }),
    upTo: end,
    reason,
  };
  const { sequence } = await client.acceptBreaks(request);
  output.result({ accepted: open.length, sequence, first: request.first, reason }, [
    `Entry ${sequence} records that you have accepted this. \`kiln audit verify\` still reports it, as accepted.`,
  ]);
  return 0;
}

async function reasonOf(context: Context, { reason }: AcceptOptions): Promise<string> {
  const none = new KilnError("usage", "A reason is required.", {
    hint: "Give one with `--reason TEXT`; the log keeps it.",
  });
  return reason?.trim() || askReason(context, "What has happened to the log?", none);
}

function tooMany(): KilnError {
  return new KilnError("state_corrupt", `The log was altered in ${mostFindings} places or more.`, {
    hint: "So many changes cannot be accepted. Keep a copy with `kiln audit export`, then restore the database from a backup.",
  });
}
