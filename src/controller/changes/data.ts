import type { ServiceKey } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import { ownVolumes, type Snapshot, type VolumeState } from "../../domain/volume.ts";
import type { ErrorCode } from "../../lib/error-codes.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";

/** The volumes of a service as they are there. */
export async function volumesThere(
  platform: Platform,
  service: ServiceKey,
  call: Call,
): Promise<readonly VolumeState[]> {
  return (await platform.volumes?.list(service, call)) ?? [];
}

/** Throws `code` where the release says that it cannot read what its volumes have in them. */
export function requireReadable(
  { shape }: { readonly shape: ServerShape },
  volumes: readonly VolumeState[],
  { code, hint }: { readonly code: ErrorCode; readonly hint: string },
): void {
  for (const { name, dataVersion } of shape.volumes ?? []) {
    const found = volumes.find((volume) => volume.name === name);
    if (found?.dataVersion === undefined || dataVersion === undefined) continue;
    if (found.dataVersion <= dataVersion) continue;
    const message = `The volume ${name} of ${found.service} has data of version ${found.dataVersion}, which release ${found.release} has written; this release reads version ${dataVersion} at most.`;
    throw new KilnError(code, message, { hint });
  }
}

/**
 * By volume, the newest snapshot of what it had in it when that release had it last. Throws `rollback_impossible` where there
 * is none.
 */
export function snapshotsFor(
  { service, number, shape }: Release,
  volumes: readonly VolumeState[],
): Readonly<Record<string, string>> {
  const own = ownVolumes(shape.volumes);
  if (own.length === 0) {
    throw new KilnError("rollback_impossible", `Release ${number} of ${service} has no volume of its own.`, {
      hint: "Repeat the command without `--with-data`.",
    });
  }
  return Object.fromEntries(own.map(({ name }) => [name, snapshotOf(number, name, service, volumes).id]));
}

function snapshotOf(
  release: number,
  name: string,
  service: ServiceKey,
  volumes: readonly VolumeState[],
): Snapshot {
  const snapshots = volumes.find((volume) => volume.name === name)?.snapshots ?? [];
  const found = snapshots.findLast((snapshot) => snapshot.release === release);
  if (found !== undefined) return found;
  const known = [...new Set(snapshots.flatMap((snapshot) => snapshot.release ?? []))].join(", ");
  throw new KilnError(
    "rollback_impossible",
    `The volume ${name} of ${service} has no snapshot of the data of release ${release}.`,
    {
      hint:
        known === ""
          ? "`snapshot: before-rollout` in kiln.yaml makes one before each rollout from now on."
          : `There are snapshots of the data of release ${known}.`,
    },
  );
}

/** Whether a release would leave data that the one which serves now cannot read: then there is no way back by itself. */
export function raisesDataVersion(
  serving: Release | undefined,
  next: { readonly shape: ServerShape },
): boolean {
  return (next.shape.volumes ?? []).some(({ name, dataVersion }) => {
    const before = serving?.shape.volumes?.find((volume) => volume.name === name)?.dataVersion;
    return before !== undefined && dataVersion !== undefined && dataVersion > before;
  });
}
