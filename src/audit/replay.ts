import { acceptanceIn, type RecordedAcceptance } from "./acceptance.ts";
import type { ChainCheck, ChainFinding } from "./chain-check.ts";
import type { LogEntry, LogMark } from "./entry.ts";

/** The limit of separate findings: a log that was changed in so many places is worthless. */
export const mostFindings = 10_000;

/** The result for a whole log, or for its end. */
export interface Replayed {
  /** The newest entry before the first of `open`; the newest of all when `open` is empty. */
  readonly last: LogMark;
  /** Findings that no one has accepted, in the log's order, `mostFindings` at most. */
  readonly open: readonly ChainFinding[];
  /** Acceptances of findings that still exist. */
  readonly accepted: readonly RecordedAcceptance[];
  /** The newest `audit.touched` that no one has accepted. */
  readonly touched: number | undefined;
}

/** Checks a log, and separates the accepted findings from the open ones. */
export class Replay {
  readonly #check: ChainCheck;
  readonly #found: { readonly finding: ChainFinding; readonly before: LogMark }[] = [];
  readonly #accepted: RecordedAcceptance[] = [];
  #touched: number | undefined;

  constructor(check: ChainCheck) {
    this.#check = check;
  }

  add(entry: LogEntry): void {
    const before = this.#check.last;
    const findings = this.#check.add(entry);
    for (const finding of findings) this.note(finding, before);
    if (findings.length > 0) return;
    if (entry.kind === "audit.touched") this.#touched = entry.sequence;
    const acceptance = acceptanceIn(entry);
    if (acceptance !== undefined) this.#accepted.push(acceptance);
  }

  /** A finding that does not come from an entry. */
  note(finding: ChainFinding, before = this.#check.last): void {
    if (this.#found.length < mostFindings) this.#found.push({ finding, before });
  }

  /** Call it after the last entry. */
  end(): Replayed {
    const cut = this.#check.end();
    if (cut !== undefined) this.note(cut);
    const known = new Set(this.#accepted.flatMap(({ breaks }) => breaks));
    const open = this.#found.filter(({ finding }) => !known.has(finding.id));
    const there = new Set(this.#found.map(({ finding }) => finding.id));
    const upTo = Math.max(0, ...this.#accepted.map((one) => one.upTo));
    return {
      last: open[0]?.before ?? this.#check.last,
      open: open.map(({ finding }) => finding),
      accepted: this.#accepted.filter(({ breaks }) => breaks.some((id) => there.has(id))),
      touched: this.#touched !== undefined && this.#touched > upTo ? this.#touched : undefined,
    };
  }
}
