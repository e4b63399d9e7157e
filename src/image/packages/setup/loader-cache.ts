import { lookUp, resolvePath } from "../../layers/tree.ts";
import { contentRange } from "../../store/content.ts";
import type { TarEntry, TarTree } from "../../tar/entry.ts";
import { type PackageDraft, putFile, readEntry } from "../archive/draft.ts";
import { libraryMachine, sharedObjectName } from "./shared-object.ts";

/** A library that the loader finds by its name. */
export interface CachedLibrary {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** What the loader of this machine's architecture asks for. */
  readonly flags: number;
}

/**
 * Writes /etc/ld.so.cache, as ldconfig(8) would: without it, the loader sees only its own folders and none of /etc/ld.so.conf,
 * and Python's `ctypes.util.find_library` finds nothing. It depends only on the tree, and no program of the image runs.
 */
export function addLoaderCache(draft: PackageDraft): void {
  const libraries = cachedLibraries(draft.tree);
  if (libraries.length > 0) putFile(draft, "etc/ld.so.cache", loaderCache(libraries), { mode: 0o644 });
}

/** The loader's own folders: ld.so(8). They come after the configured folders. */
const ownFolders = ["/lib", "/usr/lib"];

function cachedLibraries(tree: TarTree): readonly CachedLibrary[] {
  const folders = [...configuredFolders(tree), ...ownFolders].map((path) => path.replace(/\/+$/, ""));
  const byRealPath = new Map<string, string>();
  for (const path of folders) {
    const real = resolvePath(tree, path.slice(1), { last: true });
    if (real && !byRealPath.has(real)) byRealPath.set(real, path);
  }
  const candidates = Map.groupBy(tree.values(), ({ path }) =>
    path.slice(0, Math.max(0, path.lastIndexOf("/"))),
  );
  return [...byRealPath].flatMap(([real, path]) => librariesIn(tree, candidates.get(real) ?? [], path));
}

/** The folders of ld.so.conf.d, which Debian's ld.so.conf includes in the order of their names. */
function configuredFolders(tree: TarTree): readonly string[] {
  return [...tree.keys()]
    .filter((path) => /^etc\/ld\.so\.conf\.d\/[^/]+\.conf$/.test(path))
    .sort()
    .flatMap((path) => readEntry(tree, path)?.toString().split("\n") ?? [])
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line.startsWith("/"));
}

function librariesIn(tree: TarTree, entries: readonly TarEntry[], folder: string): readonly CachedLibrary[] {
  const found = new Map<string, CachedLibrary>();
  for (const entry of [...entries].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const file = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    const content = /^(lib|ld-).*\.so/.test(file) ? lookUp(tree, entry.path)?.content : undefined;
    const machine = content && libraryMachine(contentRange(content, 0, 64));
    if (content === undefined || machine === undefined) continue;
    // A link without a version is what compilers look for: ldconfig keeps it under its own name.
    const isPlain = entry.type === "symlink" && file.endsWith(".so");
    const name = isPlain ? file : (sharedObjectName(content) ?? file);
    if (file === name || !found.has(name)) {
      found.set(name, { name, path: `${folder}/${file}`, flags: machine });
    }
  }
  return [...found.values()];
}

const magic = "glibc-ld.so.cache1.1";
const headerBytes = 48;
const entryBytes = 24;
/** `cache_file_new_flags_endian_little`. */
const littleEndian = 2;

/**
 * The cache's file: `struct cache_file_new` of glibc's sysdeps/generic/dl-cache.h. A header; then entries of flags, name and
 * path (as offsets of texts from the file's start), in falling order, because the loader searches by halves; then the texts.
 */
export function loaderCache(libraries: readonly CachedLibrary[]): Buffer {
  const sorted = libraries.toSorted((a, b) => compareNames(b.name, a.name));
  const texts: Buffer[] = [];
  let end = headerBytes + sorted.length * entryBytes;
  const offsetOf = (text: string) => {
    const at = end;
    const bytes = Buffer.from(`${text}\0`);
    texts.push(bytes);
    end += bytes.length;
    return at;
  };
  const head = Buffer.alloc(end);
  head.write(magic, "latin1");
  head.writeUInt32LE(sorted.length, 20);
  for (const [index, { name, path, flags }] of sorted.entries()) {
    const at = headerBytes + index * entryBytes;
    head.writeInt32LE(flags, at);
    head.writeUInt32LE(offsetOf(name), at + 4);
    head.writeUInt32LE(offsetOf(path), at + 8);
  }
  head.writeUInt32LE(end - head.length, 24);
  head.writeUInt8(littleEndian, 28);
  return Buffer.concat([head, ...texts]);
}

/** `_dl_cache_libcmp` of glibc's elf/dl-cache.c: runs of digits count as numbers, and after all other characters. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [a, b].map((name) => name.match(/\d+|\D/g) ?? []);
  for (let i = 0; ; i += 1) {
    const [x, y] = [left?.[i], right?.[i]];
    if (x === undefined || y === undefined) return Number(x !== undefined) - Number(y !== undefined);
    const [xIsNumber, yIsNumber] = [/^\d/.test(x), /^\d/.test(y)];
    if (xIsNumber !== yIsNumber) return xIsNumber ? 1 : -1;
    const difference = xIsNumber ? Number(x) - Number(y) : x.charCodeAt(0) - y.charCodeAt(0);
    if (difference !== 0) return difference;
  }
}
