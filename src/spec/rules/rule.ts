import type { SpecDocument } from "../schema/document.ts";
import type { Path } from "../yaml/tree.ts";

/** A problem that one rule found. */
export interface Breach {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

/** The sections that are valid on their own: rules check only these, so one mistake does not hide the others. */
export interface RuleInput {
  readonly document: Partial<SpecDocument>;
  /** Whether the user set a value at the path. */
  readonly given: (path: Path) => boolean;
}

export type SpecRule = (input: RuleInput) => Iterable<Breach>;
