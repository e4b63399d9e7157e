import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { transcriptBytes } from "../../domain/drift/session.ts";
import type { ServerId } from "../../domain/ids.ts";
import type { TarEntry } from "../../image/tar/entry.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { writeFileAtomic } from "../../lib/files/files.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { EvidenceKeeper, Exhibit } from "../../platform/contract/evidence.ts";
import { type Culprit, culpritText } from "../checks/culprit.ts";
import { readStart } from "../trace/read-start.ts";
import { EvidenceArchive, openRegular } from "./evidence-archive.ts";
import { Omissions } from "./left-out.ts";
import { type ProcessReport, processReports } from "./process-report.ts";
import { writableContents } from "./writable-contents.ts";

/** What is kept of one server, and of all together, and for how long. */
export const evidenceLimits = {
  serverBytes: 64 * 1024 ** 2,
  serverFiles: 10_000,
  transcriptBytes,
  /** Of a table of the kernel's, of mounts or of sockets. */
  tableBytes: 4 * 1024 ** 2,
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
  /** What could not be read, each with the reason. Absent: nothing. */
  missing: z.array(z.string()).optional(),
});

/** What evidence there is of one server. */
export type EvidenceHead = Readonly<z.infer<typeof summarySchema>>;

/** The part of it that a person looks at first. */
export interface EvidenceFile extends EvidenceHead {
  /** Who did it, in words. */
  readonly who: string | undefined;
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
  list(): Promise<readonly EvidenceHead[]>;
  /** The newest of a server. Throws `evidence_unknown`. */
  show(server: ServerId): Promise<EvidenceFile>;
  /** The archive of a server, in pieces; the newest. Throws `evidence_unknown`. */
  read(server: ServerId, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export function openEvidence(folder: string, clock: Clock): EvidenceStore {
  return {
    keep: (exhibit, call) => keep(folder, clock, exhibit, call),
    list: () => list(folder),
    show: async (server) => {
      const { digest } = await newest(folder, server);
      return readReport(await readFile(`${archiveOf(folder, digest)}.json`, "utf8"));
    },
    read: (server, signal) => read(folder, server, signal),
  };
}

/** Only `keep` writes here: the folder is ours alone. Kiln 0.1 wrote the culprit with its numbers, and -1 for a uid that it did not know. */
function readReport(text: string): EvidenceFile {
  const { culprit, ...report } = JSON.parse(text) as EvidenceFile & { readonly culprit?: Culprit };
  if (culprit === undefined) return report;
  return { ...report, who: culpritText({ ...culprit, uid: culprit.uid === -1 ? undefined : culprit.uid }) };
}

async function keep(folder: string, clock: Clock, exhibit: Exhibit, call: Call): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const atMs = clock.now();
  const { digest, bytes, left, processes, mounts } = await writeArchive(folder, exhibit, atMs, call.signal);
  const { server, release, taint } = exhibit;
  const { kind, subject, detail } = taint;
  const report: EvidenceFile = {
    ...{ digest, server, release: release.number, image: release.image },
    ...{ taint: { kind, subject, detail, atMs: taint.atMs }, atMs, bytes, left: [...left] },
    ...{ who: taint.who, processes, mounts: mounts.split("\n").slice(0, -1), log: exhibit.log },
    transcripts: exhibit.transcripts.map(transcriptName),
    ...missingOf(exhibit),
  };
  await writeFileAtomic(`${archiveOf(folder, digest)}.json`, JSON.stringify(report), { mode: 0o600 });
  await prune(folder, atMs);
  return digest;
}

/** Everything goes into the archive as it is read. The server is frozen, so it does not change meanwhile. */
async function writeArchive(folder: string, exhibit: Exhibit, atMs: number, signal: AbortSignal) {
  const { pid, server, secrets, log } = exhibit;
  await using archive = await EvidenceArchive.create(folder, server, signal);
  const text = (path: string, content: string | Uint8Array) => archive.add(...textEntry(path, content, atMs));
  const proc = (name: string) => readStart(`/proc/${pid}/${name}`, evidenceLimits.tableBytes);
  const processes = await processReports(exhibit.processes, pid);
  const mounts = pid === undefined ? "" : (await proc("mountinfo")).toString();
  await text("mounts", mounts);
  await text("processes.json", json(processes));
  for (const kind of ["tcp", "tcp6", "udp", "udp6", "unix"]) {
    await text(`sockets/${kind}`, pid === undefined ? "" : await proc(`net/${kind}`));
  }
  await text("log", log.map((line) => `${line}\n`).join(""));
  for (const { name, text: content } of exhibit.documents ?? []) await text(name, content);
  for (const path of exhibit.transcripts) await addTranscript(archive, path, atMs);
  const left = new Omissions();
  const limits = { bytes: evidenceLimits.serverBytes, files: evidenceLimits.serverFiles, left, signal };
  const contents = pid === undefined ? [] : writableContents({ pid, secrets, ...limits, prefix: "writable" });
  for await (const { entry, file } of contents) {
    if (file === undefined) await archive.add(entry);
    else await archive.addFile(entry, file.handle, file.length);
  }
  await text("about.json", json(aboutOf(exhibit, atMs, left.list())));
  return { ...(await archive.finish()), left: left.list(), processes, mounts };
}

function aboutOf(exhibit: Exhibit, atMs: number, left: readonly string[]) {
  const { server, release, taint } = exhibit;
  const { number, image, version } = release;
  const about = { server, release: number, image, version, finding: taint, keptAtMs: atMs, left };
  return { ...about, ...missingOf(exhibit) };
}

function missingOf({ missing = [] }: Exhibit): { readonly missing?: string[] } {
  return missing.length === 0 ? {} : { missing: [...missing] };
}

function transcriptName(path: string): string {
  return `sessions/${basename(path)}`;
}

/** The writer keeps the limit; the reader does not rely on it. */
async function addTranscript(archive: EvidenceArchive, path: string, atMs: number): Promise<void> {
  await using file = await openRegular(path);
  const length = Math.min((await file?.stat())?.size ?? 0, evidenceLimits.transcriptBytes);
  await archive.addFile(textEntry(transcriptName(path), "", atMs)[0], file, length);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function textEntry(
  path: string,
  content: string | Uint8Array,
  atMs: number,
): readonly [TarEntry, Uint8Array] {
  const mtime = Math.floor(atMs / 1000);
  return [{ path, type: "file", mode: 0o600, uid: 0, gid: 0, mtime }, Buffer.from(content)];
}

async function list(folder: string): Promise<readonly EvidenceHead[]> {
  const names = (await namesIn(folder)).filter((name) => /^[0-9a-f]{64}\.tar\.json$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8").catch(() => "")));
  return texts
    .flatMap((text) => (text === "" ? [] : [summarySchema.parse(JSON.parse(text))]))
    .sort((a, b) => b.atMs - a.atMs);
}

async function newest(folder: string, server: ServerId): Promise<EvidenceHead> {
  const found = (await list(folder)).find((summary) => summary.server === server);
  if (found !== undefined) return found;
  throw new KilnError("evidence_unknown", `There is no evidence of ${server}.`, {
    hint: "`kiln evidence ls` lists all evidence.",
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
