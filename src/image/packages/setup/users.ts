import { createHash } from "node:crypto";
import type { UserRecipe } from "./recipe.ts";

/** passwd(5), group(5), shadow(5) and gshadow(5) of an image, and who has which number. */
export interface PackageAccounts {
  readonly uids: ReadonlyMap<string, number>;
  readonly gids: ReadonlyMap<string, number>;
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
  readonly gshadow: string;
}

/** The sources of accounts: base-passwd's master files, the lines of sysusers.d(5), and recipes. */
export interface AccountSources {
  readonly passwdMaster: string;
  readonly groupMaster: string;
  readonly sysusers: readonly string[];
  readonly users: readonly UserRecipe[];
}

interface User {
  readonly name: string;
  readonly uid: number | undefined;
  /** A group's name, or a number. */
  readonly group: string;
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

interface Group {
  readonly name: string;
  readonly gid: number | undefined;
  readonly members: readonly string[];
}

/**
 * The accounts of an image, in order of their numbers. Accounts without a fixed number get one that follows from
 * their name (in 200 to 899, free for this in Debian Policy section 9.2), so that it stays when packages come and go.
 */
export function makeAccounts(sources: AccountSources): PackageAccounts {
  const declared = sources.sysusers.flatMap((text) => text.split("\n")).map(sysusersWords);
  const users = [
    ...fields(sources.passwdMaster).map(masterUser),
    ...declared.flatMap(declaredUser),
    ...sources.users.map(recipeUser),
  ];
  const groups = [
    ...fields(sources.groupMaster).map(masterGroup),
    ...declared.flatMap(declaredGroup),
    ...users
      .filter((user) => !/^\d+$/.test(user.group))
      .map((user) => ({ name: user.group, gid: user.uid, members: [] })),
  ];
  const memberships = declared.flatMap(([kind, user, group]) =>
    kind === "m" && user && group ? [{ user, group }] : [],
  );
  return format(firstOfName(users), addMembers(firstOfName(groups), memberships));
}

function fields(text: string): readonly string[][] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}

function masterUser([
  name = "",
  ,
  uid,
  gid = "0",
  gecos = "",
  home = "/",
  shell = "",
]: readonly string[]): User {
  return { name, uid: Number(uid), group: gid, gecos, home, shell };
}

function masterGroup([name = "", , gid, members = ""]: readonly string[]): Group {
  return { name, gid: Number(gid), members: members.split(",").filter((member) => member !== "") };
}

function recipeUser({ name, home, group }: UserRecipe): User {
  return { name, uid: undefined, group: group ?? name, gecos: "", home, shell: "/usr/sbin/nologin" };
}

/** Words of a sysusers.d(5) line; quotes are taken off, `-` stays. */
function sysusersWords(line: string): readonly string[] {
  if (/^\s*(#|$)/.test(line)) return [];
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

function declaredUser([
  kind,
  name,
  id = "-",
  gecos = "",
  home = "/",
  shell,
]: readonly string[]): readonly User[] {
  if (!/^u!?$/.test(kind ?? "") || !name) return [];
  const [uid = "-", group] = id.split(":");
  return [
    {
      name,
      uid: /^\d+$/.test(uid) ? Number(uid) : undefined,
      group: group ?? name,
      gecos: gecos === "-" ? "" : gecos,
      home: home === "-" ? "/" : home,
      shell: shell && shell !== "-" ? shell : "/usr/sbin/nologin",
    },
  ];
}

function declaredGroup([kind, name, id = "-"]: readonly string[]): readonly Group[] {
  if (kind !== "g" || !name) return [];
  return [{ name, gid: /^\d+$/.test(id) ? Number(id) : undefined, members: [] }];
}

function firstOfName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return [...new Map([...items].reverse().map((item) => [item.name, item])).values()].reverse();
}

function addMembers(
  groups: readonly Group[],
  memberships: readonly { readonly user: string; readonly group: string }[],
): readonly Group[] {
  return groups.map((group) => {
    const more = memberships.filter((one) => one.group === group.name).map((one) => one.user);
    return { ...group, members: [...new Set([...group.members, ...more])] };
  });
}

function format(users: readonly User[], groups: readonly Group[]): PackageAccounts {
  const taken = [...users.map(({ uid }) => uid), ...groups.map(({ gid }) => gid)];
  const names = [...users, ...groups].map(({ name }) => name);
  const free = numbersByName(names, new Set(taken.filter((id) => id !== undefined)));
  const gids = new Map(groups.map((group) => [group.name, group.gid ?? free(group.name)]));
  const uids = new Map(users.map((user) => [user.name, user.uid ?? free(user.name)]));
  const gidOf = (user: User) => gids.get(user.group) ?? Number(user.group);
  const byNumber = (ids: ReadonlyMap<string, number>) => (a: { name: string }, b: { name: string }) =>
    (ids.get(a.name) ?? 0) - (ids.get(b.name) ?? 0);
  const orderedUsers = [...users].sort(byNumber(uids));
  const orderedGroups = [...groups].sort(byNumber(gids));
  const lines = <T>(items: readonly T[], line: (item: T) => string) =>
    items.map((item) => `${line(item)}\n`).join("");
  return {
    uids,
    gids,
    passwd: lines(
      orderedUsers,
      (u) => `${u.name}:x:${uids.get(u.name)}:${gidOf(u)}:${u.gecos}:${u.home}:${u.shell}`,
    ),
    group: lines(orderedGroups, (g) => `${g.name}:x:${gids.get(g.name)}:${g.members.join(",")}`),
    // `*` is not a valid hash: no one can log in with a password
    shadow: lines(orderedUsers, (u) => `${u.name}:*:::::::`),
    gshadow: lines(orderedGroups, (g) => `${g.name}:*::${g.members.join(",")}`),
  };
}

const first = 200;
const count = 700;

/** A number per name that follows from the name; of two names with one number the later in the alphabet moves on. */
function numbersByName(names: readonly string[], taken: ReadonlySet<number>): (name: string) => number {
  const used = new Set(taken);
  const numbers = new Map<string, number>();
  for (const name of [...new Set(names)].sort()) {
    let number = createHash("sha256").update(name).digest().readUInt32BE() % count;
    while (used.has(first + number)) number = (number + 1) % count;
    used.add(first + number);
    numbers.set(name, first + number);
  }
  return (name) => numbers.get(name) ?? 0;
}
