import { z } from "zod";
import type { RoutedEntry } from "../../router.ts";

/** What the configuration makes of a request. Status -1 and time -1: the client left before (Configuration Manual, section 8.2.3). */
const written = z.object({
  at: z.int(),
  client: z.string(),
  method: z.string(),
  host: z.string(),
  path: z.string(),
  status: z.int(),
  bytes: z.int(),
  ms: z.int(),
  server: z.string(),
  end: z.string(),
});

/** Undefined: the line is damaged, for instance by a power failure. */
export function parseEntry(line: string): RoutedEntry | undefined {
  const found = written.safeParse(jsonIn(line));
  if (!found.success) return undefined;
  const { at, ms, status, server, end, ...rest } = found.data;
  return {
    ...rest,
    atMs: at,
    status: status < 0 ? undefined : status,
    durationMs: Math.max(0, ms),
    server: server.startsWith("<") ? undefined : server,
    endedBy: enders[end.charAt(0)],
  };
}

/** The first event that ended it (Configuration Manual, section 8.5). */
const enders: Readonly<Record<string, RoutedEntry["endedBy"]>> = {
  C: "client",
  S: "server",
  c: "timeout",
  s: "timeout",
};

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
