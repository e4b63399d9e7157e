import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { ServerId } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { markOf } from "../../lib/files/file-mark.ts";
import { replacePrivateFile, syncFolder } from "../../lib/files/private-file.ts";
import { namesIn } from "../../lib/files/temporary.ts";
import { isHostedId } from "./server-id.ts";

/**
 * What every host remembers of a server. Written by us alone, so the release inside is trusted; `format` refuses what a
 * later version may write.
 */
export const recordBase = z.object({
  format: z.literal(1),
  id: z.string(),
  release: z.custom<Release>((value) => typeof value === "object" && value !== null),
  createdAtMs: z.number(),
  exit: z.object({ code: z.int().optional(), atMs: z.number(), oomKilled: z.boolean() }).optional(),
  quarantinedAtMs: z.number().optional(),
  /** When its end was first asked for, which came before anything was done about it. */
  retiredAtMs: z.number().optional(),
});

/**
 * The records of all servers of a host. Reading and writing are synchronous on purpose: what is decided from all records
 * (a free address, the last user of a mount) and written at once needs no lock.
 */
export interface FleetRecords<R> {
  /** Throws `state_corrupt`. Folders without a record (left by a crash) are removed on the way. */
  all(): readonly R[];
  read(id: ServerId): R | undefined;
  write(record: R): void;
  /** Removes the server's folder, its record last: a crash in between leaves something that is still known. */
  remove(id: ServerId): void;
}

/** Puts on record when a server's end was first asked for. */
export function retire<R extends { readonly id: ServerId; readonly retiredAtMs?: number | undefined }>(
  records: FleetRecords<R>,
  id: ServerId,
  nowMs: number,
): void {
  const record = records.read(id);
  if (record === undefined || record.retiredAtMs !== undefined) return;
  records.write({ ...record, retiredAtMs: nowMs });
}

const recordName = "record.json";

/** Whether servers end with this machine, or what a record describes may be there after a power cut. */
export type Lifetime = "machine" | "lasting";

/** One folder for each server in `folder`, with what its host keeps for it besides the record. */
export function openRecords<R extends { readonly id: ServerId }>(
  folder: string,
  schema: z.ZodType<R>,
  lifetime: Lifetime = "machine",
): FleetRecords<R> {
  /** All are asked for every few seconds: one whose file is as it was is not read and checked again. */
  const known = new Map<ServerId, { readonly mark: string; readonly record: R | undefined }>();
  const folderOf = (id: ServerId) => `${folder}/${id}`;

  function read(id: ServerId): R | undefined {
    const path = `${folderOf(id)}/${recordName}`;
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) return forget(id);
    const mark = markOf(stat);
    const before = known.get(id);
    if (before?.mark === mark) return before.record;
    const record = readRecord(path, schema);
    known.set(id, { mark, record });
    return record;
  }

  function forget(id: ServerId): undefined {
    known.delete(id);
  }

  return {
    read,
    all: () =>
      serverFolders(folder).flatMap((id) => {
        const record = read(id);
        if (!record) rmSync(folderOf(id), { recursive: true, force: true });
        return record ? [record] : [];
      }),
    write: (record) => {
      forget(record.id);
      const write = lifetime === "lasting" ? writeDurably : writeRecord;
      write(folderOf(record.id), record);
    },
    remove: (id) => {
      forget(id);
      removeFolder(folderOf(id));
    },
  };
}

function serverFolders(folder: string): readonly ServerId[] {
  try {
    return readdirSync(folder).filter((name) => isHostedId(name));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function readRecord<R>(path: string, schema: z.ZodType<R>): R | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  // A power cut right after the rename can leave a file without content; nothing of that server runs any more.
  if (text.trim() === "") return undefined;
  return parseRecord(path, text, schema);
}

function parseRecord<R>(path: string, text: string, schema: z.ZodType<R>): R {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError("state_corrupt", `The record of a server cannot be read: ${path}`, {
      hint: "It was changed by hand or written by a newer Kiln. Stop the controller and restore or remove its folder.",
      cause,
    });
  }
}

/**
 * Whole or not at all, but without waiting for the disk: everything that such a record describes ends with the machine,
 * so a record lost in a power cut loses nothing that still exists.
 */
function writeRecord(folder: string, record: object): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `${recordName}.tmp`);
  writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
  renameSync(temporary, join(folder, recordName));
}

/** Is on the disk when it returns. */
function writeDurably(folder: string, record: object): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  replacePrivateFile(join(folder, recordName), JSON.stringify(record));
  syncFolder(dirname(folder));
}

function removeFolder(folder: string): void {
  for (const name of namesIn(folder)) {
    if (name !== recordName) rmSync(join(folder, name), { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}
