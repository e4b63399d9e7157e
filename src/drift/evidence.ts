import { createHash } from "node:crypto";
import { constants, statSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Culprit } from "../domain/drift.ts";
import type { ServerId } from "../domain/ids.ts";
import { transcriptBytes } from "../domain/session.ts";
import type { Content, Entry } from "../image/entry.ts";
import { tarParts } from "../image/tar-writer.ts";
import type { Clock } from "../lib/clock.ts";
import { isErrno, KilnError } from "../lib/errors.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { readIfThere } from "../lib/proc.ts";
import type { Call, EvidenceKeeper, Exhibit } from "../platform/platform.ts";
import { type ProcessReport, processReports } from "./process-report.ts";
import { writableContents } from "./writable-contents.ts";

/** What is kept of one server, and of all together, and for how long. */
export const evidenceLimits = {
  serverBytes: 64 * 1024 ** 2,
  serverFiles: 10_000,
  transcriptBytes,
  allBytes: 1024 ** 3,
  ageMs: 30 * 24 * 3_600_000,
};

const summarySchema = z.object({
  /** `sha256:…` of the archive. */
  digest: z.string(),
  server: z.string(),
  release: z.number(),
  image: z.string(),
  taint: z.object({ kind: z.string(), subject: z.string(), detail: z.string(), atMs: z.number() }),
  atMs: z.number(),
  bytes: z.number(),
  /** Paths of writable places that had no room. */
  left: z.array(z.string()),
});

/** What evidence there is of one server. */
export type EvidenceSummary = Readonly<z.infer<typeof summarySchema>>;

/** The part of it that a person looks at first. */
export interface EvidenceReport extends EvidenceSummary {
  readonly culprit: Culprit | undefined;
  readonly processes: readonly ProcessReport[];
  /** Lines of /proc/PID/mountinfo. */
  readonly mounts: readonly string[];
  /** The last lines that it wrote. */
  readonly log: readonly string[];
  /** Paths in the archive of what people did in it with `kiln exec`; absent in what an older Kiln has written. */
  readonly transcripts?: readonly string[];
}

/** The evidence of an installation: one tar archive for each server, named by its digest, for its owner alone. */
export interface EvidenceStore extends EvidenceKeeper {
  /** Newest first. */
  list(): Promise<readonly EvidenceSummary[]>;
  /** The newest of a server. Throws `evidence_unknown`. */
  show(server: ServerId): Promise<EvidenceReport>;
  /** The archive of a server, in pieces; the newest. Throws `evidence_unknown`. */
  read(server: ServerId, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export function openEvidence(folder: string, clock: Clock): EvidenceStore {
  return {
    keep: (exhibit, call) => keep(folder, clock, exhibit, call),
    list: () => list(folder),
    show: async (server) => {
      const { digest } = await newest(folder, server);
      // Written by `keep` and by nobody else: the folder is ours alone.
      return JSON.parse(await readFile(`${archiveOf(folder, digest)}.json`, "utf8")) as EvidenceReport;
    },
    read: (server, signal) => read(folder, server, signal),
  };
}

async function keep(folder: string, clock: Clock, exhibit: Exhibit, call: Call): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const atMs = clock.now();
  const { entries, left, processes, mounts } = entriesOf(exhibit, atMs);
  const { digest, bytes } = await writeArchive(folder, exhibit.server, entries, call);
  const { server, release, taint } = exhibit;
  const { kind, subject, detail } = taint;
  const report: EvidenceReport = {
    ...{ digest, server, release: release.number, image: release.image },
    ...{ taint: { kind, subject, detail, atMs: taint.atMs }, atMs, bytes, left: [...left] },
    ...{ culprit: taint.culprit, processes, mounts: mounts.split("\n").slice(0, -1), log: exhibit.log },
    transcripts: exhibit.transcripts.map(transcriptName),
  };
  await writeFileAtomic(`${archiveOf(folder, digest)}.json`, JSON.stringify(report), { mode: 0o600 });
  await prune(folder, atMs);
  return digest;
}

/** Everything that goes into the archive. The server is frozen, so it does not change while it is read. */
function entriesOf(exhibit: Exhibit, atMs: number) {
  const { pid, server, release, taint, log, secrets } = exhibit;
  const limits = { bytes: evidenceLimits.serverBytes, files: evidenceLimits.serverFiles };
  const contents =
    pid === undefined
      ? { entries: [], left: [] }
      : writableContents({ pid, secrets, ...limits, prefix: "writable" });
  const processes = processReports(exhibit.processes, pid);
  const about = {
    server,
    release: release.number,
    image: release.image,
    version: release.version,
    finding: taint,
    keptAtMs: atMs,
    left: contents.left,
  };
  const text = (path: string, content: string) => textEntry(path, content, atMs);
  const proc = (name: string) => (pid === undefined ? "" : (readIfThere(`/proc/${pid}/${name}`) ?? ""));
  const mounts = proc("mountinfo");
  const sockets = ["tcp", "tcp6", "udp", "udp6", "unix"].map((kind) => {
    return text(`sockets/${kind}`, proc(`net/${kind}`));
  });
  const entries = [
    text("about.json", json(about)),
    text("mounts", mounts),
    text("processes.json", json(processes)),
    ...sockets,
    text("log", log.map((line) => `${line}\n`).join("")),
    ...exhibit.transcripts.map((path) => transcriptEntry(path, atMs)),
    ...contents.entries,
  ];
  return { entries, left: contents.left, processes, mounts };
}

function transcriptName(path: string): string {
  return `sessions/${basename(path)}`;
}

/** Whoever writes it keeps the limit; it is not relied on. */
function transcriptEntry(path: string, atMs: number): Entry {
  const { size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
  const length = Math.min(size, evidenceLimits.transcriptBytes);
  return {
    ...textEntry(transcriptName(path), "", atMs),
    content: { kind: "slice", path, offset: 0, length },
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function textEntry(path: string, content: string, atMs: number): Entry {
  const bytes = Buffer.from(content);
  const mtime = Math.floor(atMs / 1000);
  return { path, type: "file", mode: 0o600, uid: 0, gid: 0, mtime, content: { kind: "bytes", bytes } };
}

async function writeArchive(
  folder: string,
  server: ServerId,
  entries: readonly Entry[],
  { signal }: Call,
): Promise<{ readonly digest: string; readonly bytes: number }> {
  const temporary = join(folder, `${server}.tmp`);
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await open(temporary, "w", 0o600);
  try {
    for (const { content } of tarParts(new Map(entries.map((entry) => [entry.path, entry])))) {
      for await (const chunk of chunksOf(content)) {
        signal.throwIfAborted();
        hash.update(chunk);
        await file.writeFile(chunk);
        bytes += chunk.byteLength;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const digest = `sha256:${hash.digest("hex")}`;
  await rename(temporary, archiveOf(folder, digest));
  return { digest, bytes };
}

const chunkBytes = 1 << 20;

/**
 * The bytes of an entry, exactly as many as its header says: what became shorter meanwhile is filled up with zeros.
 * Neither a link nor a fifo that somebody has put in a file's place is followed or waited for.
 */
async function* chunksOf(content: Content): AsyncGenerator<Uint8Array> {
  if (content.kind === "bytes") {
    yield content.bytes;
    return;
  }
  const file = await openRegular(content.path);
  try {
    for (let done = 0; done < content.length; ) {
      const buffer = Buffer.alloc(Math.min(chunkBytes, content.length - done));
      const read = (await file?.read(buffer, 0, buffer.length, done))?.bytesRead ?? 0;
      yield read === 0 ? buffer : buffer.subarray(0, read);
      done += read === 0 ? buffer.length : read;
    }
  } finally {
    await file?.close();
  }
}

async function openRegular(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    if (!["ENOENT", "ELOOP", "ENXIO", "ESRCH"].some((code) => isErrno(error, code))) throw error;
  }
  return undefined;
}

async function list(folder: string): Promise<readonly EvidenceSummary[]> {
  const names = (await namesIn(folder)).filter((name) => /^[0-9a-f]{64}\.tar\.json$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8").catch(() => "")));
  return texts
    .flatMap((text) => (text === "" ? [] : [summarySchema.parse(JSON.parse(text))]))
    .sort((a, b) => b.atMs - a.atMs);
}

async function newest(folder: string, server: ServerId): Promise<EvidenceSummary> {
  const found = (await list(folder)).find((summary) => summary.server === server);
  if (found !== undefined) return found;
  throw new KilnError("evidence_unknown", `There is no evidence of ${server}.`, {
    hint: "`kiln evidence ls` lists what there is.",
  });
}

async function* read(folder: string, server: ServerId, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { digest } = await newest(folder, server);
  const file = await open(archiveOf(folder, digest), "r");
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.alloc(256 * 1024));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** What is too old goes, and the oldest of what is too much. */
async function prune(folder: string, nowMs: number): Promise<void> {
  let bytes = 0;
  for (const summary of await list(folder)) {
    bytes += summary.bytes;
    const isOld = nowMs - summary.atMs > evidenceLimits.ageMs;
    if (!isOld && bytes <= evidenceLimits.allBytes) continue;
    const archive = archiveOf(folder, summary.digest);
    for (const path of [archive, `${archive}.json`]) await rm(path, { force: true });
  }
}

function archiveOf(folder: string, digest: string): string {
  return join(folder, `${digest.replace("sha256:", "")}.tar`);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
