import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, readlink } from "node:fs/promises";
import type { TarEntry } from "../../image/tar/entry.ts";
import { isErrno } from "../../lib/errors.ts";
import { readStart } from "../trace/read-start.ts";
import { type Omissions, shownName } from "./left-out.ts";

/** One path of a server's writable places. */
export interface Found {
  readonly entry: TarEntry;
  /** The content of a file, open until the next path is asked for. */
  readonly file?: { readonly handle: FileHandle; readonly length: number };
}

export interface ContentsOptions {
  /** A process of the server: what it sees as its root. */
  readonly pid: number;
  /** Where secrets are mounted: nothing of their file systems is read, wherever else they show. */
  readonly secrets: readonly string[];
  readonly bytes: number;
  readonly files: number;
  /** Put before each path. */
  readonly prefix: string;
  /** Called for every path that had no room or could not be read. */
  readonly left: Omissions;
  readonly signal: AbortSignal;
}

/** What bounds the work, whatever a server has written. One folder of each depth is open at a time. */
const most = { depth: 500, pathBytes: 4 << 20, looks: 100_000, mountTable: 4 << 20 };

interface Mount {
  /** `major:minor`. */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly writable: boolean;
}

/**
 * Everything in the tmpfs that a server may write to, including ones that a visitor has mounted. Names are bytes, held
 * as latin1 strings, and each is opened from the folder that holds it, so neither a name nor a length is beyond reach.
 * A path could lead out of the server through a symbolic link that was put there for us: only what lies on the file
 * system that the mount table names is read, and links are never followed. Nothing here blocks the event loop.
 */
export async function* writableContents(options: ContentsOptions): AsyncGenerator<Found> {
  const mounts = mountsOf(
    (await readStart(`/proc/${options.pid}/mountinfo`, most.mountTable)).toString("latin1"),
  );
  const secrets = options.secrets.map((path) => Buffer.from(path).toString("latin1"));
  const secret = new Set(mounts.filter((m) => isAtOrBelow(m.point, secrets)).map((m) => m.device));
  const wanted = mounts.filter(
    (m) => m.type === "tmpfs" && m.writable && !secret.has(m.device) && !isAtOrBelow(m.point, kernelPlaces),
  );
  const walk = new Walk(options);
  const seen = new Set<string>();
  for (const { device, point } of wanted) {
    if (seen.has(device)) continue;
    seen.add(device);
    yield* walk.start(point, device);
  }
}

/** tmpfs that the runtime makes for devices and to hide what is the kernel's. */
const kernelPlaces = ["/proc", "/sys", "/dev/pts", "/dev/mqueue"];

function isAtOrBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** Lines of /proc/PID/mountinfo, proc(5): `36 35 98:0 /root /point rw,… - type source options`. */
function mountsOf(table: string): readonly Mount[] {
  return table.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , device, , point, options] = before.split(" ");
    if (device === undefined || point === undefined || options === undefined) return [];
    return [
      {
        device,
        point: point.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
        type: after.split(" ")[0] ?? "",
        writable: options.split(",").includes("rw"),
      },
    ];
  });
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A fifo put in a file's place meanwhile is not waited for, and neither is the holder of a lease (fcntl(2)). */
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

class Walk {
  readonly #o: ContentsOptions;
  #bytes = 0;
  #files = 0;
  #pathBytes = 0;
  #looks = 0;

  constructor(options: ContentsOptions) {
    this.#o = options;
  }

  async *start(point: string, device: string): AsyncGenerator<Found> {
    const name = point === "/" ? "" : point;
    yield* this.#folder(`/proc/${this.#o.pid}/root${name}/.`, name, device, 0);
  }

  async *#folder(path: string, name: string, device: string, depth: number): AsyncGenerator<Found> {
    await using handle = await this.#open(path, folderFlags, name);
    const stats = await handle?.stat({ bigint: true });
    if (handle === undefined || stats === undefined || deviceOf(stats) !== device) return;
    if (depth > most.depth || !this.#hasRoom(name)) return this.#o.left.add(`${name}/`);
    yield { entry: this.#entry(name, stats, { type: "folder" }) };
    const here = `/proc/self/fd/${handle.fd}`;
    for await (const { name: child } of await opendir(here, { encoding: "latin1", bufferSize: 128 })) {
      this.#o.signal.throwIfAborted();
      this.#looks += 1;
      if (this.#looks > most.looks) return this.#o.left.addUnread(name);
      yield* this.#visit(`${here}/${child}`, `${name}/${child}`, device, depth);
    }
  }

  async *#visit(path: string, name: string, device: string, depth: number): AsyncGenerator<Found> {
    if (!this.#hasRoom(name)) return this.#o.left.add(name);
    const stats = await statsOf(path);
    if (stats === undefined || deviceOf(stats) !== device) return;
    if (stats.isDirectory()) yield* this.#folder(path, name, device, depth + 1);
    else if (stats.isFIFO()) yield { entry: this.#entry(name, stats, { type: "fifo" }) };
    else if (stats.isFile()) yield* this.#file(path, name, device);
    else if (stats.isSymbolicLink()) {
      const link = await readlink(bytesOf(path), { encoding: "latin1" });
      yield { entry: this.#entry(name, stats, { type: "symlink", link: shownName(link) }) };
    }
  }

  async *#file(path: string, name: string, device: string): AsyncGenerator<Found> {
    await using handle = await this.#open(path, fileFlags, name);
    const stats = await handle?.stat({ bigint: true });
    if (handle === undefined || !stats?.isFile() || deviceOf(stats) !== device) return;
    const length = Number(stats.size);
    if (this.#bytes + length > this.#o.bytes) return this.#o.left.add(name);
    this.#bytes += length;
    yield { entry: this.#entry(name, stats, { type: "file" }), file: { handle, length } };
  }

  /** Undefined when it can't be opened; reported where that is news. */
  async #open(path: string, flags: number, name: string): Promise<FileHandle | undefined> {
    try {
      return await open(bytesOf(path), flags);
    } catch (error) {
      if (!["ENOENT", "ESRCH", "ELOOP", "ENOTDIR"].some((code) => isErrno(error, code)))
        this.#o.left.add(name);
      return undefined;
    }
  }

  #hasRoom(name: string): boolean {
    return this.#files < this.#o.files && this.#pathBytes + name.length <= most.pathBytes;
  }

  #entry(name: string, stats: BigIntStats, rest: Pick<TarEntry, "type" | "link">): TarEntry {
    this.#files += 1;
    this.#pathBytes += name.length;
    return {
      path: `${this.#o.prefix}${shownName(name)}`,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      mode: Number(stats.mode) & 0o7777,
      mtime: Math.floor(Number(stats.mtimeMs) / 1000),
      ...rest,
    };
  }
}

/** makedev(3): how the kernel packs both numbers for user space. */
function deviceOf({ dev }: BigIntStats): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffff_ffffn);
  return `${major}:${minor}`;
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

async function statsOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(bytesOf(path), { bigint: true });
  } catch (error) {
    if (["ENOENT", "ESRCH"].some((code) => isErrno(error, code))) return undefined;
    throw error;
  }
}
