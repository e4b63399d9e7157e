import { hash } from "node:crypto";
import { asCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { dataOf, digestOfEntry, genesis, type LogEntry, type LogMark } from "./entry.ts";
import { KeyRing } from "./key-ring.ts";

/**
 * What is wrong with an entry: its content, its number, its link to the entry before, its key, its signature, a mismatch
 * with a checkpoint, the end of the log; or a report of the controller.
 */
type Fault =
  | "altered"
  | "moved"
  | "gap"
  | "link"
  | "key"
  | "signature"
  | "rewritten"
  | "cut"
  | "unreadable"
  | "told";

/** A place where the log was altered. */
export interface ChainFinding {
  /** The entry's sequence number. */
  readonly sequence: number;
  /** The problem, in one sentence. */
  readonly message: string;
  readonly fault: Fault;
  /** Identifies the present content, as 32 hex digits: any later change of the place makes another finding. */
  readonly id: string;
}

/** The result of a check; together with its place it is a finding. */
type Complaint = Pick<ChainFinding, "sequence" | "message" | "fault"> & { readonly witness?: Checkpoint };

export interface ChainCheckOptions {
  readonly keys?: KeyRing;
  /** Checkpoints that were kept elsewhere; their signatures are already checked. */
  readonly checkpoints?: readonly Checkpoint[];
  /** Where to begin, instead of at the start of the log: the entry before the first one that is added. */
  readonly from?: LogMark;
}

/**
 * Checks the entries of a log in their order and reports the problem of each wrong one. The result holds as long as no
 * one who could write to the log also had the signing key; see docs/audit.md.
 */
export class ChainCheck {
  readonly #keys: KeyRing;
  readonly #checkpoints: readonly Checkpoint[];
  #last: LogMark;
  #signed: number;

  constructor({ keys = new KeyRing(), checkpoints = [], from = genesis }: ChainCheckOptions = {}) {
    this.#keys = keys;
    this.#checkpoints = checkpoints;
    this.#last = from;
    this.#signed = from.sequence;
  }

  /** The newest entry. */
  get last(): LogMark {
    return this.#last;
  }

  /** Signed checkpoints cover the log up to this entry. */
  get signed(): number {
    return this.#signed;
  }

  /** The problems of this entry, and its mismatches with checkpoints. Then the check continues from the entry as it is. */
  add(entry: LogEntry): readonly ChainFinding[] {
    const content = this.#content(entry);
    const complaint = this.#place(entry) ?? content ?? this.#link(entry);
    // A valid key or signature counts, even if its neighbours were changed.
    const own = content === undefined ? this.#own(entry) : undefined;
    const wrong = complaint ?? own;
    const found = wrong === undefined ? [] : [this.#made(wrong, entry)];
    const { sequence, digest } = entry;
    if (sequence > this.#last.sequence) this.#last = { sequence, digest };
    const seen = this.#compare(entry);
    return seen === undefined ? found : [...found, this.#made(seen, entry)];
  }

  /** Call it after the last entry: a log that ends before a checkpoint was cut off. */
  end(): ChainFinding | undefined {
    const newest = this.#checkpoints.toSorted((a, b) => b.sequence - a.sequence)[0];
    if (newest === undefined || newest.sequence <= this.#last.sequence) return undefined;
    const first = this.#last.sequence + 1;
    const gone = range(first, newest.sequence);
    const message = `The log was cut off: ${gone} gone, but the checkpoint of ${timeOf(newest)} covers them.`;
    return this.#made({ sequence: first, message, fault: "cut", witness: newest }, undefined);
  }

  /** The rest of the log cannot be read. */
  unreadable(message: string): ChainFinding {
    return this.#made({ sequence: this.#last.sequence + 1, message, fault: "unreadable" }, undefined);
  }

  /** The id covers everything that the complaint is based on, but not its words, which may change. */
  #made(complaint: Complaint, entry: LogEntry | undefined): ChainFinding {
    const { witness, ...rest } = complaint;
    const there = entry && [entry.sequence, entry.digest, digestOfEntry(entry)];
    const { sequence, digest } = this.#last;
    const basis = [rest.fault, sequence, digest, there ?? null, witness?.sequence, witness?.digest];
    return { ...rest, id: hash("sha256", JSON.stringify(basis), "hex").slice(0, 32) };
  }

  #place({ sequence }: LogEntry): Complaint | undefined {
    const expected = this.#last.sequence + 1;
    if (sequence === expected) return undefined;
    if (sequence < expected)
      return {
        sequence: expected,
        message: `An entry numbered ${sequence} stands before it.`,
        fault: "moved",
      };
    const message = `The log has a gap: ${range(expected, sequence - 1)} gone.`;
    return { sequence: expected, message, fault: "gap" };
  }

  #content(entry: LogEntry): Complaint | undefined {
    if (digestOfEntry(entry) === entry.digest) return undefined;
    return {
      sequence: entry.sequence,
      message: "It was altered: its content does not match its digest.",
      fault: "altered",
    };
  }

  #link(entry: LogEntry): Complaint | undefined {
    const { sequence, digest } = this.#last;
    if (entry.previous === digest) return undefined;
    const told = entry.kind === "audit.broken" ? numberOf(dataOf(entry), "first") : undefined;
    const first = Math.max(1, Math.min(told ?? sequence, sequence));
    return {
      sequence: first,
      message: `It was replaced: entry ${entry.sequence} was written after a different entry ${sequence}.`,
      fault: "link",
    };
  }

  #own(entry: LogEntry): Complaint | undefined {
    switch (entry.kind) {
      case "audit.key":
        if (this.#keys.announce(dataOf(entry))) return undefined;
        return {
          sequence: entry.sequence,
          message: "It adds a signing key that no trusted key has signed.",
          fault: "key",
        };
      case "audit.checkpoint":
        return this.#checkpoint(entry);
      case "audit.accepted":
        if (this.#isSigned(entry)) return undefined;
        return unsigned(entry, "an acceptance");
      case "audit.broken":
        return {
          sequence: numberOf(dataOf(entry), "first") ?? entry.sequence,
          message: `The controller reported in entry ${entry.sequence}: ${entry.message}`,
          fault: "told",
        };
      default:
        return undefined;
    }
  }

  #checkpoint(entry: LogEntry): Complaint | undefined {
    const checkpoint = asCheckpoint(dataOf(entry));
    if (checkpoint === undefined || !this.#keys.hasSigned(checkpoint.keyId, checkpoint))
      return unsigned(entry, "a checkpoint");
    if (checkpoint.sequence !== this.#last.sequence || checkpoint.digest !== this.#last.digest)
      return this.#rewritten(`the checkpoint in entry ${entry.sequence}`, this.#last.sequence);
    this.#signed = this.#last.sequence;
    return undefined;
  }

  #isSigned(entry: LogEntry): boolean {
    const data = dataOf(entry) as { readonly keyId?: unknown } | null | undefined;
    return typeof data?.keyId === "string" && this.#keys.hasSigned(data.keyId, data);
  }

  #compare({ sequence, digest }: LogEntry): Complaint | undefined {
    const here = this.#checkpoints.filter((checkpoint) => checkpoint.sequence === sequence);
    const other = here.find((checkpoint) => checkpoint.digest !== digest);
    if (other !== undefined)
      return { ...this.#rewritten(`the checkpoint of ${timeOf(other)}`, sequence), witness: other };
    if (here.length > 0) this.#signed = sequence;
    return undefined;
  }

  #rewritten(witness: string, upTo: number): Complaint {
    const first = this.#signed + 1;
    const which =
      first >= upTo ? "this entry was different" : `some entries from here to entry ${upTo} were different`;
    return {
      sequence: Math.min(first, upTo),
      message: `The log was rewritten: ${which} when ${witness} was signed.`,
      fault: "rewritten",
    };
  }
}

function unsigned({ sequence }: LogEntry, what: string): Complaint {
  return {
    sequence,
    message: `It is ${what} without a valid signature of a trusted key.`,
    fault: "signature",
  };
}

function range(first: number, last: number): string {
  return first === last ? `entry ${first} is` : `entries ${first} to ${last} are`;
}

function timeOf({ atMs }: Checkpoint): string {
  return new Date(atMs).toISOString();
}

function numberOf(data: unknown, name: string): number | undefined {
  const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof value === "number" ? value : undefined;
}
