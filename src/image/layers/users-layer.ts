import type { UserSpec } from "../../domain/spec/image-spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import type { FindPlace } from "../commands.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";
import { type Accounts, readAccounts, resolveIdentity } from "./accounts.ts";
import { imageEpoch } from "./files-layer.ts";
import type { CheckedEntry } from "./layers.ts";
import { lookUp, parentsOf, resolvePath } from "./tree.ts";

/** The first number for people and for services outside the system (Debian Policy 9.2.2; `UID_MIN` in login.defs(5)). */
const firstFreeId = 1000;
const largestFile = 4 << 20;

/** The rows of passwd(5) and group(5) while users are added. */
interface Rows {
  readonly users: string[];
  readonly groups: string[];
}

/**
 * The layer that adds users to /etc/passwd and /etc/group of `root`; empty without users. Throws `spec_invalid` with its
 * place for a user that the image already has, `user_missing` for a group that it lacks.
 */
export async function usersLayer(
  users: readonly UserSpec[],
  root: TarTree,
  findPlace: FindPlace,
): Promise<Map<string, CheckedEntry>> {
  const layer = new Map<string, CheckedEntry>();
  if (users.length === 0) return layer;
  const rows = {
    users: rowsOf(root, "etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin"),
    groups: rowsOf(root, "etc/group", "root:x:0:"),
  };
  const present = readAccounts(root);
  for (const [index, user] of users.entries()) {
    if (present.users.some(({ name }) => name === user.name)) {
      throw await taken(user.name, findPlace, index);
    }
    addUser(rows, user);
  }
  addFile(layer, root, "etc/passwd", rows.users);
  addFile(layer, root, "etc/group", rows.groups);
  return layer;
}

function rowsOf(root: TarTree, path: string, first: string): string[] {
  const content = lookUp(root, path)?.content;
  if (content === undefined) return [first];
  return contentBytes(content, largestFile).toString("utf8").split("\n").filter(Boolean);
}

async function taken(name: string, findPlace: FindPlace, index: number): Promise<KilnError> {
  const place = await findPlace(["image", "users", index, "name"]);
  const message = `The image already has the user ${name}.`;
  return new KilnError("spec_invalid", message, {
    hint: "Remove it from `image.users`, or choose another name.",
    problems: place === undefined ? [] : [{ place, message }],
  });
}

function addUser(rows: Rows, { name, uid: wanted, group, groups, home, shell }: UserSpec): void {
  const uid = wanted ?? freeId(rows);
  const gid = groupId(rows, group ?? name, uid);
  rows.users.push(`${name}:x:${uid}:${gid}::${home ?? "/nonexistent"}:${shell ?? "/usr/sbin/nologin"}`);
  for (const other of groups) {
    const member = resolveIdentity(
      `0:${other}`,
      accountsOf(rows),
      `groups of ${name} in \`image.users\``,
    ).gid;
    const at = rows.groups.findIndex((row) => row.split(":")[2] === `${member}`);
    const row = rows.groups[at] ?? "";
    rows.groups[at] = row.endsWith(":") ? row + name : `${row},${name}`;
  }
}

function groupId(rows: Rows, name: string, uid: number): number {
  const known = accountsOf(rows).groups;
  const present = known.find((group) => group.name === name);
  if (present) return present.gid;
  const gid = known.some((group) => group.gid === uid) ? freeId(rows) : uid;
  rows.groups.push(`${name}:x:${gid}:`);
  return gid;
}

/** A number that neither a user nor a group has. */
function freeId(rows: Rows): number {
  const { users, groups } = accountsOf(rows);
  const ids = new Set([...users.map(({ uid }) => uid), ...groups.map(({ gid }) => gid)]);
  let id = firstFreeId;
  while (ids.has(id)) id += 1;
  return id;
}

function accountsOf({ users, groups }: Rows): Accounts {
  return {
    users: users.map((row) => {
      const [name = "", , uid, gid] = row.split(":");
      return { name, uid: Number(uid), gid: Number(gid) };
    }),
    groups: groups.map((row) => {
      const [name = "", , gid] = row.split(":");
      return { name, gid: Number(gid), members: [] };
    }),
  };
}

function addFile(layer: Map<string, CheckedEntry>, root: TarTree, to: string, rows: readonly string[]): void {
  const path = resolvePath(root, to, { last: true }) ?? to;
  const common = { mtime: imageEpoch, uid: 0, gid: 0 };
  for (const parent of parentsOf(path)) {
    layer.set(parent, root.get(parent) ?? { path: parent, type: "folder", mode: 0o755, ...common });
  }
  const bytes = Buffer.from(`${rows.join("\n")}\n`);
  const { mode, uid, gid } = root.get(path) ?? { mode: 0o644, uid: 0, gid: 0 };
  const content = { kind: "bytes", bytes } as const;
  layer.set(path, { path, type: "file", ...common, mode, uid, gid, content, sha256: sha256(bytes) });
}
