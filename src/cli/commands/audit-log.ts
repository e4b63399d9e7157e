import { parseServerId } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText } from "../output/text.ts";
import { formatTime } from "../output/units.ts";

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
      ...(subject === undefined ? {} : subjectOf(subject)),
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

/** A server's id contains its service; anything else is a service. */
function subjectOf(subject: string): { readonly server: string } | { readonly service: string } {
  return parseServerId(subject) === undefined ? { service: subject } : { server: subject };
}

function nothing({ subject, since }: LogOptions): string {
  return `Nothing has happened${subject === undefined ? "" : ` to ${subject}`}${since === undefined ? " yet" : " since then"}.`;
}
