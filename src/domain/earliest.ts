/** The first of these moments; undefined when none is known. */
export function earliest(...moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
