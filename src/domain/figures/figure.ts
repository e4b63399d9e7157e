import { enough, type FigureName } from "./definitions.ts";

/** One figure of one service in one period. */
export interface Figure {
  readonly name: FigureName;
  /** In the unit of its definition. Undefined: there is not enough to compute it from, or nothing. */
  readonly value: number | undefined;
  /** Of how many it is made. */
  readonly n: number;
  /** Other values in the same unit, such as `90 %`. */
  readonly more: Readonly<Record<string, number>>;
  /** What has to be known about it, one sentence each. */
  readonly notes: readonly string[];
  /** Whether it rests on a guess. */
  readonly guessed: boolean;
  /** Sequence numbers of the entries of the event log it comes from, in their order. */
  readonly events: readonly number[];
}

type Parts = Pick<Figure, "name" | "n"> & Partial<Figure>;

export function figure(parts: Parts): Figure {
  return { value: undefined, more: {}, notes: [], guessed: false, events: [], ...parts };
}

/** The same, without a value when it comes from too few: `n` of them, if nothing else is said. */
export function judged(parts: Parts, made = parts.n): Figure {
  if (made >= enough) return figure(parts);
  return figure({ ...parts, value: undefined, more: {} });
}

/** A note about so many of something; none when there are none. */
export function noted(count: number, many: string, one = many): readonly string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
}
