/** The value that a part of the values (0.5: the median) does not exceed: one of them, the nearest rank. Undefined of none. */
export function quantile(values: readonly number[], part: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}
