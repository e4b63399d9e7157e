import { NotUnderstood } from "../shell/syntax.ts";

/** The users and groups that scripts make and ask for; what they make is said in lines of sysusers.d(5). */
export class ScriptAccounts {
  readonly lines: string[] = [];
  readonly #users = new Map<string, { readonly group: string; home: string; shell: string; uid: string }>();
  readonly #groups = new Map<string, string>();
  readonly #members = new Map<string, Set<string>>();

  /** From texts in the forms of passwd(5) and group(5). Numbers that may still change are kept as words. */
  constructor(passwd: string, group: string) {
    for (const line of group.split("\n")) {
      const [name, , gid = ""] = line.split(":");
      if (name) this.#groups.set(name, gid);
    }
    for (const line of passwd.split("\n")) {
      const [name, , uid = "", gid = "", , home = "/", shell = ""] = line.split(":");
      const own = [...this.#groups].find(([, number]) => number === gid)?.[0];
      if (name) this.#users.set(name, { group: own ?? gid, home, shell, uid });
    }
  }

  /** Numbers that are given at the end are shown as words: a script that writes one down is not understood later. */
  passwdLine(name: string): string | undefined {
    const user = this.#users.get(name) ?? this.#byNumber(name);
    return user && `${name}:x:${user.uid}:${this.#groups.get(user.group)}::${user.home}:${user.shell}`;
  }

  #byNumber(name: string) {
    return /^\d+$/.test(name) ? [...this.#users.values()].find(({ uid }) => uid === name) : undefined;
  }

  groupLine(name: string): string | undefined {
    const gid = this.#groups.get(name);
    return gid === undefined
      ? undefined
      : `${name}:x:${gid}:${[...(this.#members.get(name) ?? [])].join(",")}`;
  }

  hasUser(name: string): boolean {
    return this.#users.has(name) || isNumber(name);
  }

  hasGroup(name: string): boolean {
    return this.#groups.has(name) || isNumber(name);
  }

  /** The number, or the word that stands for it until it is given. */
  numberOf(kind: "user" | "group", name: string): string {
    const number = kind === "user" ? this.#users.get(name)?.uid : this.#groups.get(name);
    return number ?? (name === "root" ? "0" : name);
  }

  homeOf(name: string): string {
    return this.#users.get(name)?.home ?? "/";
  }

  groupOf(name: string): string {
    return this.#users.get(name)?.group ?? "root";
  }

  /** The first is the user's own. */
  groupsOf(name: string): readonly string[] {
    const others = [...this.#members].filter(([, members]) => members.has(name)).map(([group]) => group);
    return [...new Set([this.groupOf(name), ...others])];
  }

  addGroup(name: string, gid = "-"): void {
    if (this.#groups.has(name)) return;
    checkName(name);
    checkNumber(gid);
    this.#groups.set(name, gid === "-" ? `gid-of-${name}` : gid);
    this.lines.push(`g ${name} ${gid}`);
  }

  addUser(
    name: string,
    given: {
      readonly group: string;
      readonly home: string;
      readonly shell: string;
      readonly gecos: string;
      readonly uid: string;
    },
  ): void {
    if (this.#users.has(name)) return;
    checkName(name);
    const { group, home, shell, gecos, uid } = given;
    checkNumber(uid);
    if (/["\n:]/.test(gecos) || /["\s:]/.test(home + shell) || !this.hasGroup(group))
      throw new NotUnderstood("");
    this.#users.set(name, { group, home, shell, uid: uid === "-" ? `uid-of-${name}` : uid });
    this.lines.push(`u ${name} ${uid}:${group} "${gecos || "-"}" ${home} ${shell}`);
  }

  addMember(user: string, group: string): void {
    if (!this.#users.has(user) || !this.#groups.has(group)) throw new NotUnderstood("");
    this.#members.set(group, (this.#members.get(group) ?? new Set()).add(user));
    this.lines.push(`m ${user} ${group}`);
  }
}

/** What useradd(8) allows of a name. */
function checkName(name: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(name)) throw new NotUnderstood("");
}

function checkNumber(id: string): void {
  if (id !== "-" && !isNumber(id)) throw new NotUnderstood("");
}

/** The largest number means "none" to Linux (chown(2)). */
function isNumber(id: string): boolean {
  return /^\d{1,10}$/.test(id) && Number(id) < 2 ** 32 - 1;
}
