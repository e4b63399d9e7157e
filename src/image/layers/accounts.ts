import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";
import { lookUp } from "./tree.ts";

/** The users and groups of an image: passwd(5) and group(5). */
export interface Accounts {
  readonly users: readonly { readonly name: string; readonly uid: number; readonly gid: number }[];
  readonly groups: readonly {
    readonly name: string;
    readonly gid: number;
    readonly members: readonly string[];
  }[];
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

const maxAccountsFile = 4 << 20;

/**
 * The default user, as `uid:gid`, when neither the spec nor a base names one. Not root: a server's root could use up limits
 * that the kernel counts for each user of the machine. Distroless images call it `nonroot`; Debian leaves it unused.
 */
export const unprivileged = "65532:65532";

export function readAccounts(root: TarTree): Accounts {
  return {
    users: fieldsOf(root, "etc/passwd").flatMap(([name, , uid, gid]) =>
      name && isId(uid) && isId(gid) ? [{ name, uid: Number(uid), gid: Number(gid) }] : [],
    ),
    groups: fieldsOf(root, "etc/group").flatMap(([name, , gid, members]) =>
      name && isId(gid)
        ? [{ name, gid: Number(gid), members: (members ?? "").split(",").filter(Boolean) }]
        : [],
    ),
  };
}

function fieldsOf(root: TarTree, path: string): string[][] {
  const content = lookUp(root, path)?.content;
  if (content === undefined) return [];
  const lines = contentBytes(content, maxAccountsFile).toString("utf8").split("\n");
  return lines.map((line) => line.split(":"));
}

/** A uid or gid that Linux can hold; the highest means "none". */
function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;
}

/**
 * `user`, `uid`, `user:group` or `uid:gid`, in any mixture, as `User` in the OCI image specification's config.md. Without
 * a group: the user's own, or 0 for a uid without an entry. Throws `user_missing`, naming the nearest.
 */
export function resolveIdentity(wanted: string, accounts: Accounts, forWhat: string): Identity {
  const [user = "", group] = wanted.split(/:(.*)/s);
  const known = accounts.users.find(({ name }) => name === user);
  const byId = isId(user) ? accounts.users.find(({ uid }) => uid === Number(user)) : undefined;
  const uid = known?.uid ?? (isId(user) ? Number(user) : missing("user", user, accounts.users, forWhat));
  if (group === undefined) return { uid, gid: (known ?? byId)?.gid ?? 0 };
  const knownGroup = accounts.groups.find(({ name }) => name === group);
  return {
    uid,
    gid: knownGroup?.gid ?? (isId(group) ? Number(group) : missing("group", group, accounts.groups, forWhat)),
  };
}

function missing(
  kind: "user" | "group",
  name: string,
  known: readonly { readonly name: string }[],
  forWhat: string,
): never {
  const names = known.map((account) => account.name);
  const near = nearest(name, names);
  const listed = names.length === 0 ? `it has no ${kind}s at all` : `it has ${names.slice(0, 8).join(", ")}`;
  throw new KilnError("user_missing", `The image has no ${kind} "${name}" (${forWhat}): ${listed}.`, {
    hint: near
      ? `Did you mean "${near}"?`
      : `Name a ${kind} of the image, use a number, or add the package that creates the ${kind}.`,
  });
}

/** The supplementary groups of a uid, ascending, without its own group. */
export function supplementaryGroups(accounts: Accounts, { uid, gid }: Identity): number[] {
  const names = accounts.users.filter((user) => user.uid === uid).map(({ name }) => name);
  const gids = accounts.groups
    .filter((group) => group.gid !== gid && group.members.some((member) => names.includes(member)))
    .map((group) => group.gid);
  return [...new Set(gids)].sort((a, b) => a - b);
}
