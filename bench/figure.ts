import { percentileOf, summarize } from "./stats.ts";

export type Unit = "ms" | "MiB" | "% of a core" | "lost";

/** One thing that was measured, several times over. */
export interface Figure {
  /** The work, as in docs/benchmarks.md. */
  readonly work: string;
  /** Who did it: Kiln, or a peer with its version. */
  readonly by: string;
  readonly unit: Unit;
  /** At most this much; undefined: measured to understand the others. */
  readonly target: number | undefined;
  readonly samples: readonly number[];
  /** At most so many times what this peer needs for the same work, where it is measured in the same run: that is the target then. */
  readonly against?: { readonly peer: string; readonly times: number };
  /** From 0 to 1: this percentile stands for the figure. Absent: the median does. */
  readonly percentile?: number;
  /** What else was seen: one short sentence. */
  readonly note?: string;
}

export const kiln = "kiln";

export function figure(
  work: string,
  unit: Unit,
  target: number | undefined,
  samples: readonly number[],
  note?: string,
): Figure {
  return { work, by: kiln, unit, target, samples, ...(note === undefined ? {} : { note }) };
}

/** The figures with targets that follow from peers, where those were measured as well. */
export function withPeerTargets(figures: readonly Figure[]): readonly Figure[] {
  return figures.map((own) => {
    const { work, against } = own;
    const peer =
      against && figures.find(({ by, ...f }) => f.work === work && by.startsWith(`${against.peer} `));
    return peer && against ? { ...own, target: against.times * amountOf(peer) } : own;
  });
}

/** The number that stands for the figure: the median or another percentile, but the sum of what was lost. */
export function amountOf({ unit, samples, percentile }: Figure): number {
  if (unit === "lost") return samples.reduce((sum, lost) => sum + lost, 0);
  return percentile === undefined ? summarize(samples).median : percentileOf(samples, percentile);
}

/** At most 1 when the target is reached; undefined without a target, or when the target is nothing at all. */
export function ratioOf(figure: Figure): number | undefined {
  return figure.target ? amountOf(figure) / figure.target : undefined;
}

export function isReached(figure: Figure): boolean {
  return figure.target === undefined || amountOf(figure) <= figure.target;
}
