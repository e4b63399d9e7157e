import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { ServerId } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/release.ts";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { markOf } from "../../../lib/files/file-mark.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { isHostedId } from "../../fleet/server-id.ts";
import { type HostPaths, type ServerPaths, serverPaths } from "../paths.ts";

const processSchema = z.object({ pid: z.int(), startTicks: z.int() });

/** Written by us alone, so the release inside is trusted; `format` refuses what a later version may write. */
const recordSchema = z.object({
  format: z.literal(1),
  id: z.string(),
  release: z.custom<Release>((value) => typeof value === "object" && value !== null),
  createdAtMs: z.number(),
  bootId: z.string(),
  address: z.string(),
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
  exit: z.object({ code: z.int().optional(), atMs: z.number(), oomKilled: z.boolean() }).optional(),
  quarantinedAtMs: z.number().optional(),
  /** When its end was first asked for, which came before anything was done about it. */
  retiredAtMs: z.number().optional(),
  /** When someone was first let in: from then on no detector looks at it. */
  openedAtMs: z.number().optional(),
  /** Nothing of it is left on the machine but this record and its logs. */
  freed: z.boolean(),
});

/** What the host remembers of a server, on disk. */
export type ServerRecord = Readonly<z.infer<typeof recordSchema>>;

/**
 * The records of all servers. Reading and writing are synchronous on purpose: what is decided from all records
 * (a free address, the last user of a mount) and written at once needs no lock.
 */
export interface Records {
  /** Throws `state_corrupt`. Folders without a record (left by a crash) are removed on the way. */
  all(): readonly ServerRecord[];
  read(id: ServerId): ServerRecord | undefined;
  write(record: ServerRecord): void;
  /** Removes the server's folder, its record last: a crash in between leaves something that is still known. */
  remove(id: ServerId): void;
}

export function openRecords(paths: HostPaths): Records {
  /** All are asked for every few seconds: one whose file is as it was is not read and checked again. */
  const known = new Map<ServerId, { readonly mark: string; readonly record: ServerRecord | undefined }>();

  function read(id: ServerId): ServerRecord | undefined {
    const server = serverPaths(paths, id);
    const stat = statSync(server.record, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return forget(id);
    const mark = markOf(stat);
    const before = known.get(id);
    if (before?.mark === mark) return before.record;
    const record = readRecord(server);
    known.set(id, { mark, record });
    return record;
  }

  function forget(id: ServerId): undefined {
    known.delete(id);
  }

  return {
    read,
    all: () =>
      serverFolders(paths).flatMap((id) => {
        const record = read(id);
        if (!record) rmSync(serverPaths(paths, id).folder, { recursive: true, force: true });
        return record ? [record] : [];
      }),
    write: (record) => {
      forget(record.id);
      writeRecord(serverPaths(paths, record.id), record);
    },
    remove: (id) => {
      forget(id);
      removeFolder(serverPaths(paths, id));
    },
  };
}

function serverFolders(paths: HostPaths): readonly ServerId[] {
  try {
    return readdirSync(paths.servers).filter((name) => isHostedId(name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function readRecord(paths: ServerPaths): ServerRecord | undefined {
  let text: string;
  try {
    text = readFileSync(paths.record, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  // A power cut right after the rename can leave a file without content; nothing of that server runs any more.
  if (text.trim() === "") return undefined;
  return parseRecord(paths.record, text);
}

function parseRecord(path: string, text: string): ServerRecord {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError("state_corrupt", `The record of a server cannot be read: ${path}`, {
      hint: "It was changed by hand or written by a newer Kiln. Stop the controller and restore or remove its folder.",
      cause,
    });
  }
}

/**
 * Whole or not at all, but without waiting for the disk: everything that a record describes ends with the machine,
 * so a record lost in a power cut loses nothing that still exists.
 */
function writeRecord(paths: ServerPaths, record: ServerRecord): void {
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const temporary = `${paths.record}.tmp`;
  writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
  renameSync(temporary, paths.record);
}

function removeFolder(paths: ServerPaths): void {
  for (const name of namesIn(paths.folder)) {
    if (name !== "record.json") rmSync(`${paths.folder}/${name}`, { recursive: true, force: true });
  }
  rmSync(paths.folder, { recursive: true, force: true });
}
