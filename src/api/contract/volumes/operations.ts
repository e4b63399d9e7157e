import type { ContractEntry } from "../entry.ts";

/** The part of the table about volumes and their snapshots. */
export const volumesTable = {
  /** By service and name, also of services that are gone. */
  volumes: {
    method: "GET",
    path: "/v1/volumes",
    needs: "view services",
    summary: "Volumes with their snapshots.",
    asks: "OfService",
    answers: "Volumes",
  },
  /** Throws `volume_unknown`, `disk_full`. */
  snapshotVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/snapshot",
    needs: "operate service",
    summary: "Keeps what the volume has in it now; its servers stand still meanwhile.",
    asks: "OneVolume",
    answers: "Snapshot",
  },
  /** All or nothing; what was there is a snapshot afterwards. Throws `volume_unknown`, `snapshot_unknown`, `volume_in_use`, `disk_full`. */
  restoreVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/restore",
    needs: "operate service",
    summary: "Puts a snapshot in place of the data of a volume that no server has.",
    asks: "RestoreVolume",
  },
  /** Throws `volume_unknown`, `snapshot_unknown`. */
  exportVolume: {
    method: "GET",
    path: "/v1/services/:service/volumes/:name/archive",
    needs: "operate service",
    summary: "The data of a volume or of a snapshot, of one moment, as a tar archive in pieces.",
    asks: "ExportVolume",
    items: "ArchivePiece",
  },
  /** The first piece begins an upload, whose id the others name; with the last one the data is replaced, all or nothing. Throws `volume_unknown`, `volume_in_use`, `disk_full`, `usage`. */
  importVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/import",
    needs: "operate service",
    summary: "Puts the content of a tar archive in place of the data of a volume that no server has.",
    asks: "ImportVolume",
    answers: "Upload",
  },
  /** Throws `volume_unknown`, `snapshot_unknown`, `volume_in_use`. */
  removeVolume: {
    method: "POST",
    path: "/v1/services/:service/volumes/:name/remove",
    needs: "operate service",
    summary: "Removes a volume that no server has, with its snapshots, or one snapshot.",
    asks: "RemoveVolume",
  },
} as const satisfies Record<string, ContractEntry>;
