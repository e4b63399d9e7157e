import type { Release } from "../../../domain/rollout/release.ts";
import type { DesiredService } from "../../../domain/rollout/rollout.ts";
import { dataInMemory } from "../../../domain/spec/data-in-memory.ts";
import type { VolumeSpec } from "../../../domain/spec/volume-spec.ts";
import type { VolumeState } from "../../../domain/volume.ts";
import { raisesDataVersion } from "../data.ts";
import { finalReleaseOf, servingOf, type WantedService } from "../wanted.ts";

/** What becomes of the data of a service: one sentence for each of its volumes. */
export function dataWords(
  before: WantedService,
  after: WantedService,
  volumes: readonly VolumeState[],
): readonly string[] {
  const serving = servingOf(before.desired);
  const there = new Map(volumes.map((volume) => [volume.name, volume]));
  if (after.desired === undefined || after.desired.removed) return volumes.map(leftWords);
  const target = finalReleaseOf(after.desired);
  const wanted = target?.shape.volumes ?? [];
  const unused = volumes.filter(({ name }) => !wanted.some((volume) => volume.name === name));
  return [
    ...wanted.map(
      (volume) => `volume ${volume.name}: ${whatOf(volume, there.get(volume.name), after.desired, target)}`,
    ),
    ...(target === undefined ? [] : dataInMemory(target.shape)),
    ...unused.map(({ name }) => `volume ${name}: not used by this release; its data stays`),
    ...(target !== undefined && raisesDataVersion(serving, target) ? [noWayBack(serving, target)] : []),
  ];
}

function leftWords({ name, service, usedBytes }: VolumeState): string {
  return `volume ${name}: its data stays${usedWords(usedBytes)}; \`kiln volume rm ${name} ${service}\` removes it`;
}

function whatOf(
  volume: VolumeSpec,
  there: VolumeState | undefined,
  desired: DesiredService | undefined,
  target: Release | undefined,
): string {
  if (there === undefined) return `new and empty, at ${volume.path}${sizeWords(volume.sizeBytes)}`;
  const snapshot = desired?.rollout?.restore?.[volume.name];
  if (snapshot !== undefined) return lossWords(there, snapshot);
  const makes = volume.snapshot === "before-rollout" && there.release !== target?.number;
  const kept = makes ? "; a snapshot is made before the first new server starts" : "";
  return `its data stays as it is${usedWords(there.usedBytes)}${resizeWords(volume, there)}${kept}`;
}

/** Exactly what a rollback with data takes away. */
function lossWords({ name, service, release, snapshots }: VolumeState, id: string): string {
  const found = snapshots.find((snapshot) => snapshot.id === id);
  const at = found === undefined ? "then" : new Date(found.atMs).toISOString();
  return `goes back to the snapshot ${id} of release ${found?.release}, as of ${at}: everything that release ${release} and others have written since is lost to the service. It stays as a snapshot; \`kiln volume show ${name} ${service}\` lists it`;
}

function resizeWords({ sizeBytes }: VolumeSpec, there: VolumeState): string {
  if (sizeBytes === undefined || there.sizeBytes === undefined || sizeBytes === there.sizeBytes) return "";
  if (sizeBytes < there.sizeBytes)
    return `; it stays at ${mebibytes(there.sizeBytes)}, because a volume never shrinks`;
  return `; it grows from ${mebibytes(there.sizeBytes)} to ${mebibytes(sizeBytes)}`;
}

function noWayBack(serving: Release | undefined, target: Release): string {
  return `release ${serving?.number} cannot read what release ${target.number} writes: should the rollout fail, it stops instead of going back`;
}

function usedWords(bytes: number | undefined): string {
  return bytes === undefined ? "" : ` (${mebibytes(bytes)} used)`;
}

function sizeWords(bytes: number | undefined): string {
  return bytes === undefined ? "" : `, with ${mebibytes(bytes)} reserved on the disk`;
}

function mebibytes(bytes: number): string {
  const mib = bytes / 2 ** 20;
  return mib >= 1024 ? `${(mib / 1024).toFixed(1).replace(/\.0$/, "")} GiB` : `${Math.ceil(mib)} MiB`;
}
