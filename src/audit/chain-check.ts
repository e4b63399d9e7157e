import { hash } from "node:crypto";
import { asCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { dataOf, digestOfEntry, type Entry, genesis, type Mark } from "./entry.ts";
import { KeyRing } from "./key-ring.ts";

/**
 * What is wrong at a place: its content, its number, the one before it, its key, its signature, what a checkpoint has seen,
 * the end of the log; or the controller has told of it.
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

/** A place where the log is not what was written. */
export interface Finding {
  /** The entry's sequence number. */
  readonly sequence: number;
  /** What is wrong there: one sentence. */
  readonly message: string;
  readonly fault: Fault;
  /** Names what is there now, as 32 hex digits: whatever is done to the place later makes it another finding. */
  readonly id: string;
}

/** What the checks say; where it was found makes it a finding. */
type Complaint = Pick<Finding, "sequence" | "message" | "fault"> & { readonly witness?: Checkpoint };

export interface ChainCheckOptions {
  readonly keys?: KeyRing;
  /** Checkpoints that were kept elsewhere; their signatures have been checked. */
  readonly checkpoints?: readonly Checkpoint[];
  /** Where to begin in place of the log's start: the entry before the first that is added. */
  readonly from?: Mark;
}

/**
 * Takes the entries of a log in their order, and says of each that cannot be right what is wrong. The log is right as far
 * as nobody who could write to it also held the signing key; see docs/audit.md.
 */
export class ChainCheck {
  readonly #keys: KeyRing;
  readonly #checkpoints: readonly Checkpoint[];
  #last: Mark;
  #signed: number;

  constructor({ keys = new KeyRing(), checkpoints = [], from = genesis }: ChainCheckOptions = {}) {
    this.#keys = keys;
    this.#checkpoints = checkpoints;
    this.#last = from;
    this.#signed = from.sequence;
  }

  /** The newest entry. */
  get last(): Mark {
    return this.#last;
  }

  /** Up to this entry a signed checkpoint vouches for the log. */
  get signed(): number {
    return this.#signed;
  }

  /** What is wrong with it, and what a checkpoint has seen in its place. Then it goes on from what is there. */
  add(entry: Entry): readonly Finding[] {
    const content = this.#content(entry);
    const complaint = this.#place(entry) ?? content ?? this.#link(entry);
    // A key or a signature that was written counts, whatever was done to its neighbours.
    const own = content === undefined ? this.#own(entry) : undefined;
    const wrong = complaint ?? own;
    const found = wrong === undefined ? [] : [this.#made(wrong, entry)];
    const { sequence, digest } = entry;
    if (sequence > this.#last.sequence) this.#last = { sequence, digest };
    const seen = this.#compare(entry);
    return seen === undefined ? found : [...found, this.#made(seen, entry)];
  }

  /** Call it after the last entry: a log that ends before a checkpoint was cut off. */
  end(): Finding | undefined {
    const newest = this.#checkpoints.toSorted((a, b) => b.sequence - a.sequence)[0];
    if (newest === undefined || newest.sequence <= this.#last.sequence) return undefined;
    const first = this.#last.sequence + 1;
    const gone = range(first, newest.sequence);
    const message = `The log was cut off: ${gone} gone, and the checkpoint of ${timeOf(newest)} has seen them.`;
    return this.#made({ sequence: first, message, fault: "cut", witness: newest }, undefined);
  }

  /** The log cannot be read on from here. */
  unreadable(message: string): Finding {
    return this.#made({ sequence: this.#last.sequence + 1, message, fault: "unreadable" }, undefined);
  }

  /** The id is of all that the complaint rests on, but not of its words, which may be put better one day. */
  #made(complaint: Complaint, entry: Entry | undefined): Finding {
    const { witness, ...rest } = complaint;
    const there = entry && [entry.sequence, entry.digest, digestOfEntry(entry)];
    const { sequence, digest } = this.#last;
    const basis = [rest.fault, sequence, digest, there ?? null, witness?.sequence, witness?.digest];
    return { ...rest, id: hash("sha256", JSON.stringify(basis), "hex").slice(0, 32) };
  }

  #place({ sequence }: Entry): Complaint | undefined {
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

  #content(entry: Entry): Complaint | undefined {
    if (digestOfEntry(entry) === entry.digest) return undefined;
    return {
      sequence: entry.sequence,
      message: "It was altered: it does not have the content of its digest.",
      fault: "altered",
    };
  }

  #link(entry: Entry): Complaint | undefined {
    const { sequence, digest } = this.#last;
    if (entry.previous === digest) return undefined;
    const told = entry.kind === "audit.broken" ? numberOf(dataOf(entry), "first") : undefined;
    const first = Math.max(1, Math.min(told ?? sequence, sequence));
    return {
      sequence: first,
      message: `It is not the one that was written: entry ${entry.sequence} was written after another ${sequence}.`,
      fault: "link",
    };
  }

  #own(entry: Entry): Complaint | undefined {
    switch (entry.kind) {
      case "audit.key":
        if (this.#keys.announce(dataOf(entry))) return undefined;
        return {
          sequence: entry.sequence,
          message: "It brings a signing key that nobody vouches for.",
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
          message: `The controller saw in entry ${entry.sequence}: ${entry.message}`,
          fault: "told",
        };
      default:
        return undefined;
    }
  }

  #checkpoint(entry: Entry): Complaint | undefined {
    const checkpoint = asCheckpoint(dataOf(entry));
    if (checkpoint === undefined || !this.#keys.hasSigned(checkpoint.keyId, checkpoint))
      return unsigned(entry, "a checkpoint");
    if (checkpoint.sequence !== this.#last.sequence || checkpoint.digest !== this.#last.digest)
      return this.#rewritten(`the checkpoint in entry ${entry.sequence}`, this.#last.sequence);
    this.#signed = this.#last.sequence;
    return undefined;
  }

  #isSigned(entry: Entry): boolean {
    const data = dataOf(entry) as { readonly keyId?: unknown } | null | undefined;
    return typeof data?.keyId === "string" && this.#keys.hasSigned(data.keyId, data);
  }

  #compare({ sequence, digest }: Entry): Complaint | undefined {
    const here = this.#checkpoints.filter((checkpoint) => checkpoint.sequence === sequence);
    const other = here.find((checkpoint) => checkpoint.digest !== digest);
    if (other !== undefined)
      return { ...this.#rewritten(`the checkpoint of ${timeOf(other)}`, sequence), witness: other };
    if (here.length > 0) this.#signed = sequence;
    return undefined;
  }

  #rewritten(witness: string, upTo: number): Complaint {
    const first = this.#signed + 1;
    const which = first >= upTo ? "it was" : `from here to entry ${upTo} some were`;
    return {
      sequence: Math.min(first, upTo),
      message: `The log was written anew: ${which} another when ${witness} was signed.`,
      fault: "rewritten",
    };
  }
}

function unsigned({ sequence }: Entry, what: string): Complaint {
  return { sequence, message: `It is ${what} without a signature that counts.`, fault: "signature" };
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
