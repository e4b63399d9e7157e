import { sha256 } from "../../lib/files/sha256.ts";
import { backendName } from "./config/names.ts";

/**
 * Reads, from the answer to `show sess` (Management Guide, section 9.3), the sessions of one server that only pass bytes on:
 * WebSockets and plain TCP. No analyser (`an`) is left in either direction of those, while a request always has one.
 */
export function longConnections(reply: string, service: string, server: string): readonly string[] {
  const backends = (["http", "tcp"] as const).map((mode) => backendName(service, mode));
  return reply.split("\n").flatMap((line) => {
    const session = /^(0x[0-9a-f]+): .* be=(\S+) srv=(\S+) .* rq\[\S*an=00h,\S* rp\[\S*an=00h,/.exec(line);
    const [, id = "", backend = "", name = ""] = session ?? [];
    return name === server && backends.includes(backend) ? [id] : [];
  });
}

/** The moment of a session, from 0 to 1: as good as random, and always the same for one session. */
export function momentOf(session: string): number {
  return Number.parseInt(sha256(session).slice(0, 8), 16) / 2 ** 32;
}

/** How much longer than its moment one is left in which messages come and go all the time, from 0 to 1. */
const patience = 0.2;

/** Closed as soon as nothing comes over it. */
export function isDue(session: string, progress: number): boolean {
  return momentOf(session) * (1 - patience) <= progress;
}

/** Closed, whatever comes over it. */
export function isOverdue(session: string, progress: number): boolean {
  return momentOf(session) * (1 - patience) + patience <= progress;
}

/**
 * The bytes that have been passed on in both directions, from the answer to `show sess ID` (Management Guide, section 9.3):
 * as long as it is the same, nothing has come. Undefined when the session is gone.
 */
export function passedOn(reply: string): string | undefined {
  const totals = [...reply.matchAll(/^ +(?:req|res)=.* total=(\d+)/gm)].map((match) => match[1]);
  return totals.length === 2 ? totals.join(" ") : undefined;
}
