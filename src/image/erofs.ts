import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, existsSync, mkdirSync, renameSync, statSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { KilnError } from "../lib/errors.ts";
import { markOf } from "../lib/files/file-mark.ts";
import { readTextIfExists, writeFileAtomic } from "../lib/files/files.ts";
import { temporaryPath } from "../lib/files/temporary.ts";
import { cleanEnvironment } from "../lib/process/environment.ts";
import { exec } from "../lib/process/exec.ts";
import { overlayTree } from "./layers/overlay-tree.ts";
import { contentChunks } from "./store/content.ts";
import type { TarTree } from "./tar/entry.ts";
import { tarParts } from "./tar/tar-writer.ts";

/** A layer as a file that can be mounted. */
export interface ErofsFile {
  readonly file: string;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** The record next to the file: its digest, and the stat(2) data from when the file last had this digest. */
interface Seal {
  readonly sha256: string;
  readonly mark: string;
}

export function layerFilePath(folder: string, digest: string): string {
  return join(folder, `${digest.slice("sha256:".length)}.erofs`);
}

/**
 * The layer's file, if it exists and is unchanged: checked by its seal if no one has touched it since, otherwise by
 * reading all of it. Undefined when it has to be made (again).
 */
export async function presentLayerFile(
  path: string,
  options: { readonly full?: boolean } = {},
): Promise<ErofsFile | undefined> {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  const seal = parseSeal(await readTextIfExists(`${path}.json`));
  if (stat === undefined || seal === undefined) return undefined;
  if (!options.full && markOf(stat) === seal.mark) return { file: path, sha256: seal.sha256 };
  if ((await hashFile(path)) !== seal.sha256) return undefined;
  await writeSeal(path, { sha256: seal.sha256, mark: markOf(stat) });
  return { file: path, sha256: seal.sha256 };
}

function parseSeal(text: string | undefined): Seal | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Seal);
  } catch {
    return undefined;
  }
}

function writeSeal(path: string, seal: Seal): Promise<void> {
  return writeFileAtomic(`${path}.json`, JSON.stringify(seal));
}

async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const stream = createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * Makes the layer's file: the tree is unpacked by tar(1), which can set owners, devices and extended attributes, and
 * packed by mkfs.erofs(1). `path` appears only when it is whole and on the disk. Needs root (`not_root`).
 */
export async function makeLayerFile(path: string, layer: TarTree, signal: AbortSignal): Promise<ErofsFile> {
  if (process.getuid?.() !== 0) {
    throw new KilnError(
      "not_root",
      "Only root can prepare an image for servers, because files get their owners.",
      {
        hint: "Run the command with sudo.",
      },
    );
  }
  const work = temporaryPath(join(path, "../temporary"));
  try {
    const root = join(work, "root");
    mkdirSync(root, { recursive: true, mode: 0o755 });
    await unpack(overlayTree(layer), root, signal);
    const image = join(work, "image");
    await exec(mkfsArgv(image, root), { signal });
    const sha256 = await settle(image, signal);
    await release(path);
    renameSync(image, path);
    await writeSeal(path, { sha256, mark: markOf(statSync(path, { bigint: true })) });
    return { file: path, sha256 };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A file in use has the immutable flag if the file system supports it; a damaged file is still replaced. */
async function release(path: string): Promise<void> {
  if (existsSync(path)) await exec(["chattr", "-i", path], { accept: "any" }).catch(() => {});
}

/** Each file keeps its own time, which needs the extended form of inodes; nothing is compressed. */
function mkfsArgv(image: string, root: string): [string, ...string[]] {
  const uuid = "00000000-0000-0000-0000-000000000000";
  return [
    "mkfs.erofs",
    "--quiet",
    "-U",
    uuid,
    "--preserve-mtime",
    "-Eforce-inode-extended,nosbcrc",
    image,
    root,
  ];
}

/**
 * mkfs.erofs writes the time of day into the superblock (`build_time` and `build_time_nsec`, 12 bytes from byte 24 of
 * the block at 1024: `struct erofs_super_block` in the kernel's fs/erofs/erofs_fs.h). Without it, and without the
 * superblock's checksum, the same layer gives the same file. Returns its sha256 once it has reached the disk.
 */
async function settle(image: string, signal: AbortSignal): Promise<string> {
  const file = await open(image, "r+");
  try {
    // Hypervisors read it as users of their own; the folders above keep everyone else away.
    await file.chmod(0o444);
    await file.write(Buffer.alloc(12), 0, 12, 1024 + 24);
    const [sha256] = await Promise.all([hashFile(image, signal), file.datasync()]);
    return sha256;
  } finally {
    await file.close();
  }
}

const chunkBytes = 1 << 20;
/**
 * tar(1) sets a folder's time as soon as an entry outside of it comes, and does not set it again when more entries of the folder follow
 * (`etc/ca/`, `etc/ca.conf`, `etc/ca/update.d/`; hard links are last): without the delay, that folder would have the
 * time of day.
 */
const tarArgs = [
  ...["-x", "-f", "-", "-p", "--delay-directory-restore"],
  ...["--same-owner", "--numeric-owner", "--xattrs", "--xattrs-include=*"],
];

async function unpack(tree: TarTree, root: string, signal: AbortSignal): Promise<void> {
  const tar = spawn("tar", [...tarArgs, "-C", root], {
    cwd: "/",
    env: cleanEnvironment,
    stdio: ["pipe", "ignore", "pipe"],
    signal,
  });
  const complaints: Buffer[] = [];
  tar.stderr.on("data", (chunk: Buffer) => complaints.push(chunk));
  const ended = new Promise<number>((resolve, reject) => {
    tar.on("error", reject);
    tar.on("close", (code) => resolve(code ?? 128));
  });
  ended.catch(() => {}); // awaited below; feeding it fails first
  let broken: unknown;
  tar.stdin.on("error", (error) => {
    broken = error;
  });
  await feed(tree, tar.stdin, () => broken !== undefined || tar.exitCode !== null, ended);
  const code = await ended;
  if (code === 0) return;
  const text = Buffer.concat(complaints).toString().trim().split("\n").slice(-3).join("\n");
  if (/No space left on device|Disk quota exceeded/.test(text)) {
    throw Object.assign(new Error(text), { code: "ENOSPC", path: root });
  }
  throw new KilnError("image_invalid", `A layer could not be unpacked: ${text}`);
}

async function feed(
  tree: TarTree,
  to: Writable,
  stopped: () => boolean,
  ended: Promise<unknown>,
): Promise<void> {
  for (const chunk of largeChunks(tree)) {
    if (stopped()) return;
    if (!to.write(chunk)) await Promise.race([once(to, "drain").catch(() => {}), ended]);
  }
  to.end();
}

/** The archive in separate chunks of a megabyte: the pipe may keep them. */
function* largeChunks(tree: TarTree): Generator<Buffer> {
  let buffer = Buffer.allocUnsafe(chunkBytes);
  let used = 0;
  for (const part of tarParts(tree)) {
    for (const chunk of contentChunks(part.content)) {
      for (let done = 0; done < chunk.byteLength; ) {
        const take = Math.min(chunk.byteLength - done, chunkBytes - used);
        buffer.set(chunk.subarray(done, done + take), used);
        used += take;
        done += take;
        if (used < chunkBytes) continue;
        yield buffer;
        buffer = Buffer.allocUnsafe(chunkBytes);
        used = 0;
      }
    }
  }
  yield buffer.subarray(0, used);
}
