import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../image/entry.ts";
import { readIfThere } from "../lib/proc.ts";

/** What was found in the writable places of a server. */
export interface Contents {
  readonly entries: readonly Entry[];
  /** Paths that had no room. */
  readonly left: readonly string[];
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
}

interface Mount {
  /** `major:minor`. */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly writable: boolean;
}

/**
 * Everything in the tmpfs that a server may write to, those included that somebody has mounted. A path could lead out
 * of the server through a symbolic link that was put there for us: only what lies on the file system that the mount
 * table names is read, and links are never followed.
 */
export function writableContents(options: ContentsOptions): Contents {
  const mounts = mountsOf(options.pid);
  const secret = new Set(mounts.filter((m) => isAtOrBelow(m.point, options.secrets)).map((m) => m.device));
  const wanted = mounts.filter(
    (m) => m.type === "tmpfs" && m.writable && !secret.has(m.device) && !isAtOrBelow(m.point, kernelPlaces),
  );
  const walk = new Walk(options);
  const seen = new Set<string>();
  for (const { device, point } of wanted) {
    if (seen.has(device)) continue;
    seen.add(device);
    walk.start(point, device);
  }
  return walk;
}

/** tmpfs that the runtime makes for devices and to hide what is the kernel's. */
const kernelPlaces = ["/proc", "/sys", "/dev/pts", "/dev/mqueue"];

function isAtOrBelow(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** Lines of /proc/PID/mountinfo, proc(5): `36 35 98:0 /root /point rw,… - type source options`. */
function mountsOf(pid: number): readonly Mount[] {
  return (readIfThere(`/proc/${pid}/mountinfo`) ?? "").split("\n").flatMap((line) => {
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

class Walk implements Contents {
  readonly entries: Entry[] = [];
  readonly left: string[] = [];
  readonly #options: ContentsOptions;
  #bytes = 0;

  constructor(options: ContentsOptions) {
    this.#options = options;
  }

  start(point: string, device: string): void {
    const path = join(`/proc/${this.#options.pid}/root`, point);
    const stats = statsOf(path);
    if (stats?.isDirectory() && deviceOf(stats) === device) this.#folder(path, point, stats, device);
  }

  #folder(path: string, name: string, stats: Stats, device: string): void {
    this.#add(name, stats, { type: "folder" });
    for (const child of namesIn(path)) this.#visit(join(path, child), join(name, child), device);
  }

  #visit(path: string, name: string, device: string): void {
    const stats = statsOf(path);
    if (stats === undefined || deviceOf(stats) !== device) return;
    if (stats.isDirectory()) this.#folder(path, name, stats, device);
    else if (stats.isSymbolicLink()) this.#add(name, stats, { type: "symlink", link: readlinkSync(path) });
    else if (stats.isFIFO()) this.#add(name, stats, { type: "fifo" });
    else if (stats.isFile()) this.#file(path, name, stats);
  }

  #file(path: string, name: string, stats: Stats): void {
    const { bytes } = this.#options;
    if (this.#bytes + stats.size > bytes) {
      this.left.push(name);
      return;
    }
    this.#bytes += stats.size;
    this.#add(name, stats, {
      type: "file",
      content: { kind: "slice", path, offset: 0, length: stats.size },
    });
  }

  #add(name: string, stats: Stats, rest: Pick<Entry, "type" | "link" | "content">): void {
    if (this.entries.length >= this.#options.files) {
      this.left.push(name);
      return;
    }
    const { uid, gid, mode, mtimeMs } = stats;
    const path = `${this.#options.prefix}${name}`.replace(/\/$/, "");
    this.entries.push({ path, uid, gid, mode: mode & 0o7777, mtime: Math.floor(mtimeMs / 1000), ...rest });
  }
}

function deviceOf({ dev }: Stats): string {
  // makedev(3): how the kernel packs both numbers for user space.
  const major = Math.floor(dev / 256) & 0xfff;
  const minor = (dev & 0xff) | (Math.floor(dev / 4096) & 0xfff00);
  return `${major}:${minor}`;
}

function statsOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function namesIn(path: string): readonly string[] {
  return readdirSync(path).sort();
}
