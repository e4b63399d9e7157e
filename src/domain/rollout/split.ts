import type { Shares } from "./actions.ts";

/**
 * How fine the shares of a platform can be. `any`: weights of a router. `servers`: every ready server of a release that
 * has a share takes as much as any other, so that it is their number that decides.
 */
export type Split = "any" | "servers";

/** The shares that a platform can give when so many servers of each release are ready. */
export function reachable(shares: Shares, split: Split, ready: (release: number) => number): Shares {
  if (split === "any") return shares;
  const taking = shares.filter(({ share }) => share > 0);
  const total = taking.reduce((sum, { release }) => sum + ready(release), 0);
  return taking.map(({ release }) => ({
    release,
    share: total === 0 ? 1 / taking.length : ready(release) / total,
  }));
}
