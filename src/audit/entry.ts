import { hash } from "node:crypto";

/** One entry of the event log, as in the database. */
export interface LogEntry {
  readonly sequence: number;
  readonly at_ms: number;
  readonly service: string | null;
  readonly kind: string;
  readonly message: string;
  /** Canonical JSON. */
  readonly data: string;
  /** The digest of the previous entry. */
  readonly previous: string;
  /** `sha256:` and the SHA-256 of the entry's line. */
  readonly digest: string;
}

/** A place in the log, and the digest that covers this entry and all earlier ones. */
export interface LogMark {
  readonly sequence: number;
  readonly digest: string;
}

/** The start of a log: the value that the first entry names as its predecessor. */
export const genesis: LogMark = { sequence: 0, digest: `sha256:${"0".repeat(64)}` };

/**
 * The entry as one line of canonical JSON (RFC 8785), for the digest and for exports. `data` is inserted as
 * stored, without parsing. No two entries have the same line, because every other member is a number or a text with
 * its quotes escaped.
 */
export function lineOf(entry: Omit<LogEntry, "digest">): string {
  const { at_ms, data, kind, message, previous, sequence, service } = entry;
  const texts = [kind, message, previous].map((text) => JSON.stringify(text));
  return `{"atMs":${at_ms},"data":${data},"kind":${texts[0]},"message":${texts[1]},"previous":${texts[2]},"sequence":${sequence},"service":${JSON.stringify(service)}}`;
}

/** The digest that the entry should have. */
export function digestOfEntry(entry: Omit<LogEntry, "digest">): string {
  return `sha256:${hash("sha256", lineOf(entry), "hex")}`;
}

/** Undefined for text that is not JSON: anyone who can write to the database can put anything there. */
export function dataOf({ data }: Pick<LogEntry, "data">): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}
