import { KilnError } from "../../../lib/errors.ts";
import type { Client } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText } from "../../output/text.ts";
import { formatTime } from "../../output/units.ts";

interface LogOptions {
  readonly subject?: string;
  readonly since?: (nowMs: number) => number;
  readonly tail?: number;
  readonly follow?: boolean;
}

/** The limit without `--since`: more of a long history is shown only on request. */
const usualTail = 100;

export async function run(context: Context, options: LogOptions): Outcome {
  const client = await context.connect();
  const { output, signal, clock } = context;
  const { since, subject, tail = since === undefined ? usualTail : Number.POSITIVE_INFINITY } = options;
  try {
    const asked = {
      ...(Number.isFinite(tail) ? { newest: tail } : {}),
      ...(since === undefined ? {} : { sinceMs: since(clock.now()) }),
      ...(subject === undefined ? {} : await subjectOf(client, subject)),
      ...(options.follow ? { follow: true } : {}),
    };
    let count = 0;
    for await (const event of client.events(asked, { signal })) {
      count += 1;
      const kind = output.style.dim(event.kind);
      output.entry(event, `${formatTime(event.atMs)}  ${kind}  ${plainText(event.message)}`);
    }
    if (count === 0 && !options.follow) output.note(nothing(options));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (options.follow && !signal.aborted)
    throw new KilnError("controller_unreachable", "The controller has ended.");
  return 0;
}

/** What the log knows as a server is one, also when it is long gone; anything else is a service. */
async function subjectOf(
  client: Client,
  subject: string,
): Promise<{ readonly server: string } | { readonly service: string }> {
  for await (const _ of client.events({ server: subject, newest: 1 })) return { server: subject };
  return { service: subject };
}

function nothing({ subject, since }: LogOptions): string {
  return `Nothing has happened${subject === undefined ? "" : ` to ${subject}`}${since === undefined ? " yet" : " since then"}.`;
}
