import { KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText } from "../output/text.ts";
import { formatTime } from "../output/units.ts";
import { findService, type ServiceOptions } from "../project.ts";

interface EventsOptions extends ServiceOptions {
  readonly follow?: boolean;
  readonly tail: number;
}

export async function run(context: Context, options: EventsOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const client = await context.connect();
  const { output, signal } = context;
  try {
    const events = client.events({
      ...(Number.isFinite(options.tail) ? { newest: options.tail } : {}),
      ...(key === undefined ? {} : { service: key }),
      ...(options.follow ? { signal } : {}),
    });
    let count = 0;
    for await (const event of events) {
      count += 1;
      const kind = output.style.dim(event.kind);
      output.entry(event, `${formatTime(event.atMs)}  ${kind}  ${plainText(event.message)}`);
    }
    if (count === 0 && !options.follow)
      output.note(`Nothing has happened${key === undefined ? "" : ` to ${key}`} yet.`);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (options.follow && !signal.aborted)
    throw new KilnError("controller_unreachable", "The controller has ended.");
  return 0;
}
