/**
 * Data that stays. A volume belongs to a service: its releases only say where servers find it and how it is kept, so no
 * rollout, rollback or removal of the service touches what is in it.
 */
export interface VolumeSpec {
  /** Lower-case letters, digits and hyphens; a letter first. Each once in a service. */
  readonly name: string;
  /** Absolute path in every server. */
  readonly path: string;
  /** The most that it holds, and the disk space that is reserved for it. Absent: what the machine's disk has left. */
  readonly sizeBytes?: number | undefined;
  /** Several servers may have it at once. Otherwise one does, whatever the release. */
  readonly shared: boolean;
  /** A snapshot is made before the first server of another release gets the volume. Absent: none is. */
  readonly snapshot?: "before-rollout" | undefined;
  /** How many of those are kept, the newest. Absent: 3. */
  readonly keep?: number | undefined;
  /** The format of the data that the release's program reads and writes. It does not get data of a higher one. Absent: not known. */
  readonly dataVersion?: number | undefined;
}
