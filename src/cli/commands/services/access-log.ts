import { KilnError } from "../../../lib/errors.ts";
import type { AccessEntry } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { formatTime } from "../../output/units.ts";
import { requireService, type ServiceOptions } from "../../project.ts";

interface AccessLogOptions extends ServiceOptions {
  readonly follow?: boolean;
  /** Infinity: all. */
  readonly tail?: number;
}

const usualTail = 100;

/** `kiln logs --access`. */
export async function run(
  { connect, cwd, output, signal }: Context,
  options: AccessLogOptions,
  [name, ...others]: readonly string[],
): Outcome {
  if (others.length > 0)
    throw new KilnError("usage", "`--access` prints the requests of one service.", {
      hint: "Name one service.",
    });
  const { follow, tail = usualTail } = options;
  const client = await connect();
  const service = await requireService(cwd, options, name);
  const how = { ...(Number.isFinite(tail) ? { tail } : {}), ...(follow ? { follow } : {}) };
  try {
    for await (const entry of client.accessLog({ service, ...how }, { signal }))
      output.foreign(entry, lineOf(entry));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return 0;
}

/** What a client wrote is in quotes, with escapes: it can pretend nothing. */
function lineOf(entry: AccessEntry): string {
  const { method, host, path, status = "-", bytes, durationMs, server = "router", endedBy } = entry;
  const request = JSON.stringify(`${method} ${host}${path}`);
  const end = endedBy === undefined ? "" : ` ended by ${endedBy}`;
  return `${formatTime(entry.atMs)} ${entry.client} ${request} ${status} ${bytes} B ${durationMs} ms ${server}${end}`;
}
