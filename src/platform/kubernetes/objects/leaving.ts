import type { Release } from "../../../domain/rollout/release.ts";
import type { PackedImage } from "../../contract/images.ts";
import { groupName } from "./names.ts";
import type { PodVolume } from "./pod-volumes.ts";
import { sleepProgram } from "./sleep-program.ts";

const defaultGraceMs = 10_000;
/** How long a server that others end (an eviction, `kubectl delete pod`) answers before its stop signal: until every node has taken it out of its Service. */
const leavingSeconds = 5;
/** Of the program, where the cluster needs one: no image has anything there. */
const programFolder = "/.kiln";
const programName = "sleep";

interface Leaving {
  readonly release: Release;
  readonly image: Pick<PackedImage, "architecture">;
  /** Minor version of the cluster. */
  readonly minor: number;
}

export const seconds = (ms: number) => Math.max(1, Math.ceil(ms / 1000));

/** How long a server has to end by itself. */
export function graceOf({ shape }: Release): number {
  return seconds(shape.stop?.graceMs ?? defaultGraceMs);
}

/** The same, from when others end it: the pause before the stop signal counts. */
export function graceWithLeaving(input: Leaving): number {
  return graceOf(input.release) + (hookOf(input) === undefined ? 0 : leavingSeconds);
}

/** Of the container: the pause. */
export function leavingOf(input: Leaving): object {
  const preStop = hookOf(input);
  return preStop === undefined ? {} : { lifecycle: { preStop } };
}

/** What the pause needs in the pod. */
export function leavingVolumes(input: Leaving): readonly PodVolume[] {
  if (leavingProgram(input) === undefined) return [];
  const items = [{ key: programName, path: programName, mode: 0o555 }];
  // A server that ends at once is better than one that does not start.
  const configMap = { name: leavingName(input.release), items, optional: true };
  return [
    {
      volume: { name: programName, configMap },
      mounts: [{ name: programName, mountPath: programFolder, readOnly: true }],
    },
  ];
}

/** Content of the ConfigMap that `leavingVolumes` names, by its key; undefined where none is needed. */
export function leavingProgram(input: Leaving): Readonly<Record<string, Uint8Array>> | undefined {
  if (!pauses(input) || sleepsItself(input)) return undefined;
  const bytes = sleepProgram(input.image.architecture, leavingSeconds);
  return bytes && { [programName]: bytes };
}

/** No release's own ConfigMap has such a name. */
export function leavingName({ service, number }: Release): string {
  return `${groupName(service, number)}-${programName}`;
}

function hookOf(input: Leaving): object | undefined {
  if (!pauses(input)) return undefined;
  if (sleepsItself(input)) return { sleep: { seconds: leavingSeconds } };
  return leavingProgram(input) && { exec: { command: [`${programFolder}/${programName}`] } };
}

function pauses({ release }: Leaving): boolean {
  return release.traffic !== undefined;
}

/** A pause without a program is there since 1.30: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/ */
function sleepsItself({ minor }: Leaving): boolean {
  return minor >= 30;
}
