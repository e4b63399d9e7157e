import type { Release } from "../../../domain/rollout/release.ts";

const defaultGraceMs = 10_000;
/** How long a server that others end (an eviction, `kubectl delete pod`) answers before its stop signal: until every node has taken it out of its Service. */
const leavingSeconds = 5;

type Leaving = { readonly release: Release; readonly minor: number };

export const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));

/** How long a server has to end by itself. */
export function graceOf({ shape }: Release): number {
  return seconds(shape.stop?.graceMs ?? defaultGraceMs);
}

/** The same, from when others end it: the pause before the stop signal counts. */
export function graceWithLeaving(input: Leaving): number {
  return graceOf(input.release) + (pauses(input) ? leavingSeconds : 0);
}

/** Of the container: the pause. */
export function leavingOf(input: Leaving): object {
  return pauses(input) ? { lifecycle: { preStop: { sleep: { seconds: leavingSeconds } } } } : {};
}

/** A pause without a program in the image is there since 1.30: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/ */
function pauses({ release, minor }: Leaving): boolean {
  return minor >= 30 && release.traffic !== undefined;
}
