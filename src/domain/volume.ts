import type { ServerId, ServiceKey } from "./ids.ts";
import type { ServerShape } from "./spec/server-shape.ts";
import type { VolumeSpec } from "./spec/volume-spec.ts";

export const keptSnapshots = 3;

/** Volumes that one server at a time may have. */
export function ownVolumes(volumes: readonly VolumeSpec[] | undefined): readonly VolumeSpec[] {
  return (volumes ?? []).filter(({ shared }) => !shared);
}

/** How many servers of a release there can be at a time. */
export function mostServers(shape: Pick<ServerShape, "volumes">): number {
  return ownVolumes(shape.volumes).length > 0 ? 1 : Number.POSITIVE_INFINITY;
}

/** Names a volume of an installation. */
export interface VolumeKey {
  readonly service: ServiceKey;
  readonly name: string;
}

/** Why a snapshot was made: someone asked for it, another release was about to get the volume, or its data was about to be replaced. */
export type SnapshotReason = "asked" | "before-rollout" | "before-restore";

/** What a volume had in it at one moment. */
export interface Snapshot {
  /** Names it within its volume. */
  readonly id: string;
  readonly atMs: number;
  readonly reason: SnapshotReason;
  /** The last release that had the volume by then. Absent: none had. */
  readonly release?: number | undefined;
  /** The highest that a release with the volume has stated by then. Absent: none has. */
  readonly dataVersion?: number | undefined;
  /** What it takes on the disk; less where it shares blocks with the volume. */
  readonly bytes: number;
}

/** A volume as it is there. */
export interface VolumeState extends VolumeKey {
  readonly createdAtMs: number;
  /** Absent: as much as the disk has room for. */
  readonly sizeBytes?: number | undefined;
  /** Absent: not known, because its file system is not mounted. */
  readonly usedBytes?: number | undefined;
  /** The last release that had it. Absent: none had it yet. */
  readonly release?: number | undefined;
  /** The highest that a release with the volume has stated by then. Absent: none has. */
  readonly dataVersion?: number | undefined;
  /** Servers that have it now. */
  readonly servers: readonly ServerId[];
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
}

/** Snapshots that a rollback puts in place of the data, by the names of their volumes. */
export interface Restoring {
  /** It is done once for each. */
  readonly rollout: number;
  readonly snapshots: Readonly<Record<string, string>>;
}
