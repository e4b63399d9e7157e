import { KilnError } from "../../lib/errors.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import type { ProjectFile } from "../project/project-files.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { type Accounts, type Identity, resolveIdentity } from "./accounts.ts";
import type { CheckedEntry } from "./layers.ts";
import { parentOf, parentsOf, resolvePath } from "./tree.ts";

/** 1980-01-01: no earlier time survives every archive format. */
export const imageEpoch = 315_532_800;

/** From which size on an entry of `files` has layers of its own, and about how large each is, in bytes. */
const largeBytes = 16 << 20;
const mostParts = 16;
/** A base has at most 127 layers, and a host has room for about 150 (`roots.ts` of the local platform). */
const mostGroups = 20;
/** Smaller files stay together with the others of their folder: each layer repeats the folders above its files. */
const soloBytes = 64 << 10;

/**
 * Which files share a layer: a large entry of `files` is split into separate layers, so that one changed file changes only
 * one of them; the other entries share the layers in between. The order of the spec is kept.
 */
export function groupFiles(files: readonly ProjectFile[]): ProjectFile[][] {
  const groups: { readonly large: boolean; readonly files: ProjectFile[] }[] = [];
  for (const entry of Map.groupBy(files, (file) => file.entry).values()) {
    const bytes = entry.reduce((sum, { source }) => sum + (source?.length ?? 0), 0);
    const last = groups.at(-1);
    const room = mostGroups - groups.length - 1;
    if (bytes >= largeBytes && room > 0)
      groups.push(...dealOut(entry, bytes, room).map((part) => ({ large: true, files: part })));
    else if (last?.large === false) last.files.push(...entry);
    else groups.push({ large: false, files: entry });
  }
  return groups.map((group) => group.files);
}

/** A power of two, chosen by names only: a file stays in its part while other files are added, removed or changed. */
function dealOut(files: readonly ProjectFile[], bytes: number, room: number): readonly ProjectFile[][] {
  const count = 2 ** Math.floor(Math.log2(Math.min(mostParts, room, bytes / largeBytes)));
  const parts = Map.groupBy(files, (file) => Number.parseInt(sha256(placeOf(file)).slice(0, 8), 16) % count);
  return [...parts].sort(([a], [b]) => a - b).map(([, part]) => part);
}

function placeOf({ type, to, source }: ProjectFile): string {
  return type === "folder" || (source?.length ?? 0) >= soloBytes ? to : parentOf(to);
}

/**
 * The layer that `files` makes on top of `lower` (the merged layers below): owners as numbers, targets through the
 * image's own symlinks, and the folders above them as they are below, or 0755 of root.
 */
export function filesLayer(
  files: readonly ProjectFile[],
  lower: TarTree,
  accounts: Accounts,
): Map<string, CheckedEntry> {
  const layer = new Map<string, CheckedEntry>();
  const identities = new Map<string, Identity>();
  for (const file of files) {
    const identity =
      identities.get(file.owner) ?? resolveIdentity(file.owner, accounts, `owner of /${file.to}`);
    identities.set(file.owner, identity);
    const path = targetIn({ get: (at) => layer.get(at) ?? lower.get(at) }, file);
    for (const parent of parentsOf(path)) addParent(layer, lower, parent, file);
    const present = layer.get(path) ?? lower.get(path);
    const kept = file.keepsPresent && present?.type === "folder" ? present : undefined;
    addEntry(layer, kept ?? toEntry(file, path, identity));
  }
  return layer;
}

function targetIn(present: Pick<TarTree, "get">, file: ProjectFile): string {
  // A folder is merged into what is there, so it follows a symlink of the image; a file takes the symlink's place.
  const path = resolvePath(present, file.to, { last: file.type === "folder" });
  if (path) return path;
  throw new KilnError("path_escapes", `/${file.to} leads through a loop of symlinks in the image.`, {
    hint: "Choose another target in `files`.",
  });
}

function addParent(layer: Map<string, CheckedEntry>, lower: TarTree, path: string, file: ProjectFile): void {
  const present = layer.get(path) ?? lower.get(path);
  if (present === undefined) {
    layer.set(path, { path, type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: imageEpoch });
  } else if (present.type === "folder") {
    if (!layer.has(path)) layer.set(path, present);
  } else {
    throw new KilnError(
      "file_unsupported",
      `/${file.to} cannot be created: /${path} is a ${present.type}, not a folder.`,
      {
        hint: "Choose another target in `files`.",
      },
    );
  }
}

function addEntry(layer: Map<string, CheckedEntry>, entry: CheckedEntry): void {
  const present = layer.get(entry.path);
  if (present && present.type !== entry.type && (present.type === "folder" || entry.type === "folder")) {
    throw new KilnError(
      "file_unsupported",
      `\`files\` puts both a folder and a ${present.type === "folder" ? entry.type : present.type} at /${entry.path}.`,
      {
        hint: `Give one of them a target other than ${parentOf(entry.path) || "/"}.`,
      },
    );
  }
  layer.set(entry.path, entry);
}

function toEntry(file: ProjectFile, path: string, identity: Identity): CheckedEntry {
  const common = { path, mode: file.mode, ...identity };
  if (file.source === undefined) {
    const link = file.link === undefined ? {} : { link: file.link };
    return { ...common, type: file.type, mtime: imageEpoch, ...link };
  }
  const { sha256: digest, length } = file.source;
  return {
    ...common,
    type: "file",
    mtime: contentTime(digest),
    content: { kind: "slice", path: file.source.path, offset: 0, length },
    sha256: digest,
  } satisfies TarEntry & { sha256: string };
}

/**
 * A file's time follows from its content: it is the same wherever and whenever the image is built, and it changes when
 * the content does, which is what ETag and Last-Modified of web servers, and Python's compiled files, rely on. It lies
 * within the 17 years (2^29 s) from 1980.
 */
function contentTime(digest: string): number {
  return imageEpoch + (Number.parseInt(digest.slice(0, 8), 16) >>> 3);
}
