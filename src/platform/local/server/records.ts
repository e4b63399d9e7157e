import { z } from "zod";
import {
  openRecords as openRecordsIn,
  type FleetRecords as RecordsOf,
  recordBase,
} from "../../fleet/records.ts";
import type { HostPaths } from "../paths.ts";

const processSchema = z.object({ pid: z.int(), startTicks: z.int() });

const recordSchema = recordBase.extend({
  bootId: z.string(),
  address: z.string(),
  /** Absent: it was made without IPv6. */
  address6: z.string().optional(),
  /** Largest packet in bytes that its link takes. Absent: it was made by a Kiln that did not record it. */
  mtu: z.int().optional(),
  /** The machine's own address on the bridge. Absent in records of Kiln 0.1. */
  gateway: z.string().optional(),
  /** Name of its root file system, and of the layers below it. */
  root: z.string(),
  layers: z.array(z.string()),
  stopSignal: z.int(),
  /** Absent in records of Kiln 0.1. */
  user: z.object({ uid: z.int(), gid: z.int() }).optional(),
  /** Absent until its process runs. */
  running: z.object({ process: processSchema, monitor: processSchema.optional() }).optional(),
  /** `running` is of a job that waits for its start: whether that came about, its process tells. */
  waiting: z.boolean().optional(),
  /** When someone was first let in: from then on no detector looks at it. */
  openedAtMs: z.number().optional(),
  /** Nothing of it is left on the machine but this record and its logs. */
  freed: z.boolean(),
});

/** What the host remembers of a server, on disk. */
export type ServerRecord = Readonly<z.infer<typeof recordSchema>>;

export type ServerRecords = RecordsOf<ServerRecord>;

export function openRecords(paths: HostPaths): ServerRecords {
  return openRecordsIn<ServerRecord>(paths.servers, recordSchema);
}
