import { type FileHandle, open, stat } from "node:fs/promises";
import type { ServerId } from "../../../domain/ids.ts";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import type { LogLine, LogReader } from "../../contract/reading.ts";
import type { HostContext } from "../context.ts";
import { serverPaths } from "../paths.ts";
import { findExit, readMoment } from "../server/server-state.ts";
import { createLineSplitter, createLogJoiner } from "./log-format.ts";
import { placeOfLast } from "./log-place.ts";
import { logFiles } from "./log-rotation.ts";

const chunkBytes = 64 * 1024;
const followPauseMs = 100;

type ReadOptions = Parameters<LogReader["read"]>[1];

/** See `LogReader.read`. */
export async function* readLog(
  host: HostContext,
  id: ServerId,
  { tail, follow }: ReadOptions,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  if (!host.records.read(id)) throw new KilnError("server_unknown", `There is no server ${id}.`);
  const files = await openNewestFirst(logFiles(serverPaths(host.paths, id)));
  try {
    yield* present(files, tail, signal, follow ? () => followLog(host, id, files, signal) : undefined);
  } finally {
    await Promise.all(files.map(({ handle }) => handle.close()));
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  /** Where to continue reading. */
  position: number;
}

/** Newest first, so that a rotation in between shows a file twice rather than not at all. */
async function openNewestFirst(paths: readonly string[]): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  for (const path of paths) {
    const file = await openIfPresent(path);
    if (file && !files.some(({ inode }) => inode === file.inode)) files.push(file);
    else await file?.handle.close();
  }
  return files;
}

async function openIfPresent(path: string): Promise<OpenFile | undefined> {
  try {
    const handle = await open(path, "r");
    return { handle, inode: (await handle.stat()).ino, position: 0 };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** What is there now, oldest first; then what `more` brings, through the same joiner. */
async function* present(
  files: readonly OpenFile[],
  tail: number | undefined,
  signal: AbortSignal,
  more: (() => AsyncIterable<Buffer>) | undefined,
): AsyncIterable<LogLine> {
  const joiner = createLogJoiner();
  const split = createLineSplitter();
  const joined = (chunk: Buffer) => split(chunk).flatMap((line) => joiner.push(line));
  if (tail !== undefined) await placeForTail(files, tail);
  const last: LogLine[] = [];
  for (const file of files.toReversed()) {
    for await (const chunk of chunksOf(file)) {
      if (signal.aborted) return;
      if (tail === undefined) yield* joined(chunk);
      else last.push(...joined(chunk));
      if (tail !== undefined && last.length > 2 * tail) last.splice(0, last.length - tail);
    }
  }
  if (!more) last.push(...joiner.flush());
  yield* tail === undefined || tail > 0 ? last.slice(-(tail ?? 0)) : [];
  if (!more) return;
  for await (const chunk of more()) yield* joined(chunk);
  yield* joiner.flush();
}

/** Places each file where its part of the last `tail` lines begins, and each that has none of them at its end. */
async function placeForTail(files: readonly OpenFile[], tail: number): Promise<void> {
  let missing = tail;
  for (const file of files) {
    const { size } = await file.handle.stat();
    const { position, lines } =
      missing > 0 ? await placeOfLast(file.handle, size, missing) : { position: size, lines: 0 };
    file.position = position;
    missing -= lines;
  }
}

async function* chunksOf(file: OpenFile): AsyncIterable<Buffer> {
  for (;;) {
    const buffer = Buffer.alloc(chunkBytes);
    const { bytesRead } = await file.handle.read(buffer, 0, chunkBytes, file.position);
    if (bytesRead === 0) return;
    file.position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * New bytes as they come. conmon opens a new file only after its last write to the old one, so an old file that is
 * read to its end once there is a newer one is complete. `files` owns what is opened here.
 */
async function* followLog(
  host: HostContext,
  id: ServerId,
  files: OpenFile[],
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const paths = logFiles(serverPaths(host.paths, id));
  let current = files[0];
  while (!signal.aborted) {
    const ended = hasEnded(host, id);
    const next = await openNext(paths, current?.inode);
    if (next) files.push(next);
    if (current) yield* chunksOf(current);
    if (next) current = next;
    else if (ended) return;
    else await host.clock.sleep(followPauseMs, signal).catch(() => {}); // aborted: the loop sees it
  }
}

/** The file that follows the one with this inode; the oldest when that has been rotated away. */
async function openNext(paths: readonly string[], inode: number | undefined): Promise<OpenFile | undefined> {
  const inodes = await Promise.all(paths.map(inodeOf));
  const present = paths.filter((_, i) => inodes[i] !== undefined);
  const at = present.findIndex((path) => inodes[paths.indexOf(path)] === inode);
  const next = at < 0 ? present.at(-1) : present[at - 1];
  return next === undefined ? undefined : openIfPresent(next);
}

function hasEnded(host: HostContext, id: ServerId): boolean {
  const record = host.records.read(id);
  return !record || findExit(host.paths, record, readMoment(host.paths, host.clock.now())) !== undefined;
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
