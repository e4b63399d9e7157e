import { parentOf, resolvePath } from "../../layers/tree.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarEntry } from "../../tar/entry.ts";

const largest = 16 << 20;

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

/**
 * The files of an image as its maintainer scripts see and change them. Owners are kept by name, since numbers are given when all accounts
 * are known.
 */
export class ImageFiles {
  readonly tree: Map<string, TarEntry>;
  readonly owners = new Map<string, OwnerNames>();
  /** Where relative paths begin. */
  folder = "/";
  readonly #mtime: number;

  constructor(tree: Map<string, TarEntry>, mtime: number) {
    this.tree = tree;
    this.#mtime = mtime;
  }

  /** The entry that a path of the image leads to; `itself`: without following a last link. */
  at(path: string, itself = false): TarEntry | undefined {
    const where = this.#where(path, itself);
    if (where === "") return { path: "", type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    const entry = this.tree.get(where);
    if (entry?.type === "hardlink") return this.tree.get(entry.link ?? "");
    return entry ?? (this.#hasChildren(where) ? this.#folder(where) : undefined);
  }

  #where(path: string, itself: boolean): string {
    const whole = path.startsWith("/") ? path : `${this.folder}/${path}`;
    return resolvePath(this.tree, whole.replace(/^\/+/, ""), { last: !itself }) ?? "";
  }

  /** Packages need not bring the folders above their files. */
  #hasChildren(path: string): boolean {
    return !this.tree.has(path) && this.namesIn(path).length > 0;
  }

  #folder(path: string): TarEntry {
    return { path, type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: this.#mtime };
  }

  /** Names in a folder, sorted. */
  namesIn(path: string): readonly string[] {
    const folder = this.#where(path, false);
    const prefix = folder === "" ? "" : `${folder}/`;
    const names = new Set<string>();
    for (const one of this.tree.keys())
      if (one.startsWith(prefix) && one.length > prefix.length)
        names.add(one.slice(prefix.length).split("/", 1)[0] ?? "");
    return [...names].sort();
  }

  /** Absolute paths that match. */
  matching(pattern: RegExp): readonly string[] {
    return [...this.tree.keys()]
      .map((path) => `/${path}`)
      .filter((path) => pattern.test(path))
      .sort();
  }

  /** The text of a file; undefined when there is none. Throws `ContentUnknown`. */
  read(path: string): string | undefined {
    const entry = this.at(path);
    if (entry?.type !== "file") return undefined;
    if (!entry.content) throw new ContentUnknown(entry.path);
    return contentBytes(entry.content, largest).toString("latin1");
  }

  /** Makes a file or replaces its text; mode and owner of an existing one stay. */
  write(path: string, text: string): void {
    const where = this.#where(path, false);
    const before = this.tree.get(where);
    const content = { kind: "bytes", bytes: Buffer.from(text, "latin1") } as const;
    const base = before?.type === "file" ? before : { path: where, mode: 0o644, uid: 0, gid: 0 };
    this.tree.set(where, { ...base, type: "file", mtime: this.#mtime, content });
  }

  makeFolder(path: string): void {
    const where = this.#where(path, false);
    if (where !== "" && !this.tree.has(where)) this.tree.set(where, this.#folder(where));
  }

  makeLink(path: string, target: string): void {
    const where = this.#where(path, true);
    this.owners.delete(where);
    this.tree.set(where, {
      ...{ path: where, type: "symlink", mode: 0o777, uid: 0, gid: 0 },
      ...{ mtime: this.#mtime, link: target },
    });
  }

  setMode(path: string, mode: number): void {
    const entry = this.at(path);
    if (entry && entry.path !== "") this.tree.set(entry.path, { ...entry, mode });
  }

  setOwner(path: string, owner: Partial<OwnerNames>, itself = false): void {
    const entry = this.at(path, itself);
    if (!entry || entry.path === "") return;
    if (!this.tree.has(entry.path)) this.tree.set(entry.path, entry);
    this.owners.set(entry.path, { ...this.ownerOf(entry), ...owner });
  }

  ownerOf(entry: TarEntry): OwnerNames {
    return this.owners.get(entry.path) ?? { user: String(entry.uid), group: String(entry.gid) };
  }

  /** The path and all below it. */
  below(path: string): readonly string[] {
    const where = this.#where(path, true);
    return [...this.tree.keys()]
      .filter((one) => one === where || one.startsWith(`${where}/`))
      .map((one) => `/${one}`);
  }

  remove(path: string): void {
    for (const one of this.below(path)) {
      this.tree.delete(one.slice(1));
      this.owners.delete(one.slice(1));
    }
  }

  /** A copy of one entry, with all that it has. */
  copy(from: string, to: string, itself = false): void {
    const entry = this.at(from, itself);
    if (!entry) return;
    const where = this.#where(to, itself);
    this.tree.set(where, { ...entry, path: where });
    const owner = this.owners.get(entry.path);
    if (owner) this.owners.set(where, owner);
  }

  parentExists(path: string): boolean {
    const parent = parentOf(this.#where(path, true));
    return parent === "" || this.at(`/${parent}`)?.type === "folder";
  }
}
