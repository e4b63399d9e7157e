import { LineCounter } from "yaml";
import { KilnError, type Place, type Problem } from "../../lib/errors.ts";

/** A problem whose place is not yet counted in lines and columns. */
export interface SpecFinding {
  /** Characters from the start of the file. */
  readonly offset: number;
  /** What was found and what was expected, one sentence. */
  readonly message: string;
  /** What the user can do, one sentence. */
  readonly hint?: string | undefined;
}

/** More than these would not help. */
const mostShown = 50;

/** One `spec_invalid` for all findings, in the order of the file, each once. */
export function invalidSpec(file: string, text: string, findings: readonly SpecFinding[]): KilnError {
  const problems = toProblems(file, text, findings);
  const shown = problems.slice(0, mostShown);
  const rest = problems.length - shown.length;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new KilnError(
    "spec_invalid",
    `${file} has ${count}${rest > 0 ? `; the first ${mostShown} are shown` : ""}.`,
    {
      problems: shown,
    },
  );
}

function toProblems(file: string, text: string, findings: readonly SpecFinding[]): Problem[] {
  const counter = countLines(text);
  const unique = new Map(findings.map((finding) => [`${finding.offset} ${finding.message}`, finding]));
  return [...unique.values()]
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, message, hint }) => {
      const { line, col } = counter.linePos(Math.min(offset, text.length));
      return { place: { file, line, column: col }, message, ...(hint === undefined ? {} : { hint }) };
    });
}

/** A place in a file, given in characters from its start. */
export function placeAt(file: string, text: string, offset: number): Place {
  const { line, col } = countLines(text).linePos(Math.min(offset, text.length));
  return { file, line, column: col };
}

function countLines(text: string): LineCounter {
  const counter = new LineCounter();
  counter.addNewLine(0);
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) counter.addNewLine(at + 1);
  return counter;
}
