const units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
] as const;

/** An exact span in the largest unit that it is a multiple of, from twice that unit on: `2 h`, `90 min`, `100 s`, `0.5 s`. */
export function spanWords(ms: number): string {
  const [unitMs, unit] = units.find(([size]) => ms >= 2 * size && ms % size === 0) ?? [1_000, "s"];
  return `${ms / unitMs} ${unit}`;
}
