import { asCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { digestOfEntry, type Entry, genesis, type Mark } from "./entry.ts";
import { KeyRing } from "./key-ring.ts";

/** The first place where the log is not what was written. */
export interface Finding {
  /** The entry's sequence number. */
  readonly sequence: number;
  /** What is wrong there: one sentence. */
  readonly message: string;
}

export interface ChainCheckOptions {
  readonly keys?: KeyRing;
  /** Checkpoints that were kept elsewhere; their signatures have been checked. */
  readonly checkpoints?: readonly Checkpoint[];
  /** Where to begin in place of the log's start: the entry before the first that is added. */
  readonly from?: Mark;
}

/**
 * Takes the entries of a log in their order, and says at the first one that cannot be right what is wrong. The log is
 * right as far as nobody who could write to it also held the signing key; see docs/audit.md.
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

  /** The newest entry that was found right. */
  get last(): Mark {
    return this.#last;
  }

  /** Up to this entry a signed checkpoint vouches for the log. */
  get signed(): number {
    return this.#signed;
  }

  /** What is wrong, or undefined. After a finding nothing more can be said. */
  add(entry: Entry): Finding | undefined {
    const finding = this.#place(entry) ?? this.#content(entry) ?? this.#link(entry) ?? this.#own(entry);
    if (finding !== undefined) return finding;
    this.#last = { sequence: entry.sequence, digest: entry.digest };
    return this.#compare(entry);
  }

  /** Call it after the last entry: a log that ends before a checkpoint was cut off. */
  end(): Finding | undefined {
    const newest = this.#checkpoints.toSorted((a, b) => b.sequence - a.sequence)[0];
    if (newest === undefined || newest.sequence <= this.#last.sequence) return undefined;
    const first = this.#last.sequence + 1;
    const gone = range(first, newest.sequence);
    return {
      sequence: first,
      message: `The log was cut off: ${gone} gone, and the checkpoint of ${timeOf(newest)} has seen them.`,
    };
  }

  #place({ sequence }: Entry): Finding | undefined {
    const expected = this.#last.sequence + 1;
    if (sequence === expected) return undefined;
    if (sequence < expected)
      return { sequence: expected, message: `An entry numbered ${sequence} stands before it.` };
    return { sequence: expected, message: `The log has a gap: ${range(expected, sequence - 1)} gone.` };
  }

  #content(entry: Entry): Finding | undefined {
    if (digestOfEntry(entry) === entry.digest) return undefined;
    return {
      sequence: entry.sequence,
      message: "It was altered: it does not have the content of its digest.",
    };
  }

  #link(entry: Entry): Finding | undefined {
    const { sequence, digest } = this.#last;
    if (entry.previous === digest) return undefined;
    const told = entry.kind === "audit.broken" ? numberOf(dataOf(entry), "first") : undefined;
    const first = Math.max(1, Math.min(told ?? sequence, sequence));
    return {
      sequence: first,
      message: `It is not the one that was written: entry ${entry.sequence} was written after another ${sequence}.`,
    };
  }

  #own(entry: Entry): Finding | undefined {
    switch (entry.kind) {
      case "audit.key":
        if (this.#keys.announce(dataOf(entry))) return undefined;
        return { sequence: entry.sequence, message: "It brings a signing key that nobody vouches for." };
      case "audit.checkpoint":
        return this.#checkpoint(entry);
      case "audit.broken":
        return {
          sequence: numberOf(dataOf(entry), "first") ?? entry.sequence,
          message: `The controller saw in entry ${entry.sequence}: ${entry.message}`,
        };
      default:
        return undefined;
    }
  }

  #checkpoint(entry: Entry): Finding | undefined {
    const checkpoint = asCheckpoint(dataOf(entry));
    if (checkpoint === undefined || !this.#keys.hasSigned(checkpoint.keyId, checkpoint))
      return { sequence: entry.sequence, message: "It is a checkpoint without a signature that counts." };
    if (checkpoint.sequence !== this.#last.sequence || checkpoint.digest !== this.#last.digest)
      return this.#rewritten(`the checkpoint in entry ${entry.sequence}`, this.#last.sequence);
    this.#signed = this.#last.sequence;
    return undefined;
  }

  #compare({ sequence, digest }: Entry): Finding | undefined {
    const here = this.#checkpoints.filter((checkpoint) => checkpoint.sequence === sequence);
    const other = here.find((checkpoint) => checkpoint.digest !== digest);
    if (other !== undefined) return this.#rewritten(`the checkpoint of ${timeOf(other)}`, sequence);
    if (here.length > 0) this.#signed = sequence;
    return undefined;
  }

  #rewritten(witness: string, upTo: number): Finding {
    const first = this.#signed + 1;
    const which = first >= upTo ? "it was" : `from here to entry ${upTo} some were`;
    return {
      sequence: Math.min(first, upTo),
      message: `The log was written anew: ${which} another when ${witness} was signed.`,
    };
  }
}

function range(first: number, last: number): string {
  return first === last ? `entry ${first} is` : `entries ${first} to ${last} are`;
}

function timeOf({ atMs }: Checkpoint): string {
  return new Date(atMs).toISOString();
}

function dataOf({ data }: Entry): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

function numberOf(data: unknown, name: string): number | undefined {
  const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return typeof value === "number" ? value : undefined;
}
