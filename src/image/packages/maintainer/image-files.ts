import { joinPath, parentOf, resolvePath } from "../../layers/tree.ts";
import { contentBytes, contentLength } from "../../store/content.ts";
import { longestName, type TarEntry } from "../../tar/entry.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import { UsedUp } from "./in-time.ts";

/** What the scripts of one image may do to its tree: far more than any of Debian do. */
const bounds = {
  /** Bytes of a file that a script reads or writes. */
  file: 16 << 20,
  /** Bytes of all files that scripts write. */
  written: 256 << 20,
  /** Paths that are listed; one that is made or looked up counts for several, and a deep one for many. */
  work: 3_000_000,
  /** PATH_MAX of Linux, without the end. */
  path: 4095,
} as const;

/** A script reads a file whose content is not there: only the package's list of files is known. */
export class ContentUnknown extends Error {
  override readonly name = "ContentUnknown";
  /** In the form of an entry's path. */
  readonly path: string;
  constructor(path: string) {
    super(`the content of /${path}`);
    this.path = path;
  }
}

/** Names of a user and a group; either may be a number in decimal. */
export interface OwnerNames {
  readonly user: string;
  readonly group: string;
}

const root: OwnerNames = { user: "0", group: "0" };

/**
 * The files of an image as its maintainer scripts see and change them. Owners are kept by name, since numbers are given when all accounts
 * are known.
 */
export class ImageFiles {
  readonly owners = new Map<string, OwnerNames>();
  /** Where relative paths begin. */
  folder = "/";
  umask = 0o022;
  /** Who makes files: root, unless a script has become another user. */
  user: OwnerNames = root;
  readonly #tree: Map<string, TarEntry>;
  readonly #mtime: number;
  /** Names of what lies in each folder. */
  readonly #names = new Map<string, Set<string>>();
  #work = 0;
  #written = 0;

  constructor(tree: Map<string, TarEntry>, mtime: number) {
    this.#tree = tree;
    this.#mtime = mtime;
    for (const path of tree.keys()) this.#list(path);
  }

  get tree(): ReadonlyMap<string, TarEntry> {
    return this.#tree;
  }

  #list(path: string): void {
    for (let one = path; one !== ""; one = parentOf(one)) {
      const parent = parentOf(one);
      const names = this.#names.get(parent) ?? new Set();
      const name = nameIn(parent, one);
      if (names.has(name)) return;
      this.#names.set(parent, names.add(name));
    }
  }

  #spend(work: number): void {
    this.#work += work;
    if (this.#work > bounds.work) throw new UsedUp("a script that changes files without an end");
  }

  /** Every path that scripts make comes through here. Throws `NotUnderstood` for what no Linux has. */
  put(entry: TarEntry): void {
    const { path } = entry;
    this.#spend(10);
    const isUsual = !/^$|\0/.test(path) && path.length <= bounds.path;
    if (!isUsual || path.split("/").some((name) => name.length > longestName))
      throw new NotUnderstood("a path that no file can have");
    const isFolder = this.#tree.get(path)?.type === "folder" || (this.#names.get(path)?.size ?? 0) > 0;
    if (entry.type !== "folder" && isFolder)
      throw new NotUnderstood(`a file in the place of the folder /${path}`);
    for (let above = parentOf(path); above !== ""; above = parentOf(above)) {
      const type = this.#tree.get(above)?.type;
      if (type === "folder") break;
      if (type !== undefined) throw new NotUnderstood(`a path below /${above}, which is not a folder`);
    }
    this.#tree.set(path, entry);
    this.#list(path);
  }

  #drop(path: string): void {
    this.#tree.delete(path);
    this.owners.delete(path);
    this.#names.delete(path);
    const parent = parentOf(path);
    this.#names.get(parent)?.delete(nameIn(parent, path));
  }

  /** The entry that a path of the image leads to; `itself`: without following a last link. */
  at(path: string, itself = false): TarEntry | undefined {
    const where = this.#where(path, itself);
    if (where === undefined) return undefined;
    if (where === "") return { path: "", type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    const entry = this.tree.get(where);
    if (entry?.type === "hardlink") return this.tree.get(entry.link ?? "");
    return entry ?? (this.#hasChildren(where) ? this.#folder(where) : undefined);
  }

  /** Undefined for links in a circle. */
  #where(path: string, itself: boolean): string | undefined {
    const whole = path.startsWith("/") ? path : `${this.folder}/${path}`;
    this.#spend(1 + (whole.split("/").length / 4) ** 2); // as long as it takes: each part is looked up by its whole path
    return resolvePath(this.tree, whole.replace(/^\/+/, ""), { last: !itself });
  }

  #place(path: string, itself: boolean): string {
    const found = this.#where(path, itself);
    if (found === undefined) throw new NotUnderstood(`links that lead to each other: ${path}`);
    return found;
  }

  /** Packages need not bring the folders above their files. */
  #hasChildren(path: string): boolean {
    return !this.tree.has(path) && (this.#names.get(path)?.size ?? 0) > 0;
  }

  #folder(path: string): TarEntry {
    return { path, type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: this.#mtime };
  }

  /** Names in a folder, sorted. */
  namesIn(path: string): readonly string[] {
    const where = this.#where(path, false);
    return where === undefined ? [] : this.#sorted(where);
  }

  #sorted(folder: string): readonly string[] {
    const names = [...(this.#names.get(folder) ?? [])].sort();
    this.#spend(names.length);
    return names;
  }

  /** The text of a file; undefined when there is none. Throws `ContentUnknown`. */
  read(path: string): string | undefined {
    const entry = this.at(path);
    if (entry?.type !== "file") return undefined;
    if (!entry.content) throw new ContentUnknown(entry.path);
    if (contentLength(entry.content) > bounds.file) throw new NotUnderstood(`the large file /${entry.path}`);
    return contentBytes(entry.content, bounds.file).toString("latin1");
  }

  /** Makes a file or replaces its text; mode and owner of an existing one stay. */
  write(path: string, text: string): void {
    const where = this.#place(path, false);
    const before = this.tree.get(where);
    this.#written += text.length;
    if (this.#written > bounds.written) throw new UsedUp("a script that writes without an end");
    const content = { kind: "bytes", bytes: Buffer.from(text, "latin1") } as const;
    const base =
      before?.type === "file" ? before : { path: where, mode: 0o666 & ~this.umask, uid: 0, gid: 0 };
    this.put({ ...base, type: "file", mtime: this.#mtime, content });
    if (before?.type !== "file") this.#settle(where);
  }

  /** What is new belongs to who made it. */
  #settle(path: string): void {
    if (this.user !== root) this.owners.set(path, this.user);
  }

  /** Does work as this user, whose rights are not looked at. */
  as<T>(user: OwnerNames, work: () => T): T {
    const before = this.user;
    this.user = user;
    try {
      return work();
    } finally {
      this.user = before;
    }
  }

  makeFolder(path: string): void {
    const where = this.#place(path, false);
    if (where === "" || this.tree.has(where)) return;
    this.put({ ...this.#folder(where), mode: 0o777 & ~this.umask });
    this.#settle(where);
  }

  makeLink(path: string, target: string): void {
    const where = this.#place(path, true);
    this.owners.delete(where);
    this.put({
      ...{ path: where, type: "symlink", mode: 0o777, uid: 0, gid: 0 },
      ...{ mtime: this.#mtime, link: target },
    });
    this.#settle(where);
  }

  setMode(path: string, mode: number): void {
    const entry = this.at(path);
    if (entry && entry.path !== "") this.put({ ...entry, mode });
  }

  setOwner(path: string, owner: Partial<OwnerNames>, itself = false): void {
    const entry = this.at(path, itself);
    if (!entry || entry.path === "") return;
    if (!this.tree.has(entry.path)) this.put(entry);
    this.owners.set(entry.path, { ...this.ownerOf(entry), ...owner });
  }

  ownerOf(entry: TarEntry): OwnerNames {
    return this.owners.get(entry.path) ?? { user: String(entry.uid), group: String(entry.gid) };
  }

  /** The path and all below it, folders first. */
  below(path: string): readonly string[] {
    const where = this.#place(path, true);
    const found: string[] = [];
    const left = [where];
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      if (this.tree.has(one)) found.push(`/${one}`);
      const folder = one;
      left.push(...[...this.#sorted(folder)].reverse().map((name) => joinPath(folder, name)));
    }
    return found;
  }

  remove(path: string): void {
    const where = this.#place(path, true);
    for (const one of [...this.below(path)].reverse()) this.#drop(one.slice(1));
    this.#drop(where);
  }

  /** A copy of one entry, with all that it has. */
  copy(from: string, to: string, itself = false): void {
    const entry = this.at(from, itself);
    if (!entry) return;
    const where = this.#place(to, itself);
    this.put({ ...entry, path: where });
    const owner = this.owners.get(entry.path);
    if (owner) this.owners.set(where, owner);
  }

  setXattr(path: string, name: string, value: Uint8Array): void {
    const entry = this.at(path);
    if (entry?.type === "file") this.put({ ...entry, xattrs: { ...entry.xattrs, [name]: value } });
  }

  parentExists(path: string): boolean {
    const parent = parentOf(this.#place(path, true));
    return parent === "" || this.at(`/${parent}`)?.type === "folder";
  }
}

function nameIn(folder: string, path: string): string {
  return path.slice(folder === "" ? 0 : folder.length + 1);
}
