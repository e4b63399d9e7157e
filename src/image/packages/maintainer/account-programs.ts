import { NotUnderstood } from "../shell/syntax.ts";
import { type ShellProgram, say } from "../shell/world.ts";
import type { ScriptAccounts } from "./accounts.ts";
import type { ImageFiles } from "./image-files.ts";
import { optionsOf } from "./options.ts";

const nologin = "/usr/sbin/nologin";

/** adduser(8), useradd(8), getent(1) and their like. */
export function accountPrograms(
  accounts: ScriptAccounts,
  files: ImageFiles,
): Readonly<Record<string, ShellProgram>> {
  const makeHome = (user: string, home: string) => {
    if (files.at(home)) return;
    files.makeFolder(home);
    files.setOwner(home, { user, group: accounts.groupOf(user) });
  };
  const self = () => (files.user.user === "0" ? "root" : files.user.user);
  /** `su USER -c COMMAND`; the shell is always this one. */
  const su: ShellProgram = (args, streams, shell) => {
    const { values, rest } = optionsOf(args, "l m p login preserve-environment", "s c shell command");
    const [user = "root", ...more] = rest.filter((one) => one !== "-");
    const command = values.get("c") ?? values.get("command") ?? unknown();
    if (!accounts.hasUser(user)) return 1;
    return files.as(ownOf(user), () => shell.runScript("sh", command, more, streams));
  };
  const runuser: ShellProgram = (args, streams, shell) => {
    const { values, rest } = optionsOf(args, "+", "u user");
    const user = values.get("u") ?? values.get("user");
    if (user === undefined) return su(args, streams, shell);
    return accounts.hasUser(user) ? files.as(ownOf(user), () => shell.call(rest, streams)) : 1;
  };
  const ownOf = (user: string) => ({ user, group: accounts.groupOf(user) });
  const addgroup: ShellProgram = (args) => {
    const { values, rest } = optionsOf(args, "system quiet group force-badname allow-bad-names", "gid");
    const [user = "", group] = rest;
    if (group === undefined) accounts.addGroup(user, values.get("gid"));
    else accounts.addMember(user, group);
    return 0;
  };
  const adduser: ShellProgram = (args, streams, shell) => {
    const { flags, values, rest } = optionsOf(
      args,
      "system group quiet no-create-home disabled-login disabled-password force-badname allow-bad-names allow-badname q",
      "home shell gecos comment ingroup uid gid firstuid lastuid conf",
    );
    const [name = "", group] = rest;
    if (group !== undefined || (flags.has("group") && !flags.has("system")))
      return addgroup(rest, streams, shell);
    if (!flags.has("system")) throw new NotUnderstood("");
    if (accounts.hasUser(name)) return 0;
    const own = values.get("ingroup") ?? (flags.has("group") ? name : (values.get("gid") ?? "nogroup"));
    if (flags.has("group")) accounts.addGroup(name, values.get("uid"));
    const home = values.get("home") ?? "/nonexistent";
    accounts.addUser(name, {
      ...{ group: own, home, shell: values.get("shell") ?? nologin },
      ...{
        gecos: (values.get("gecos") ?? values.get("comment") ?? "").replace(/,+$/, ""),
        uid: values.get("uid") ?? "-",
      },
    });
    if (!flags.has("no-create-home") && home !== "/nonexistent") makeHome(name, home);
    return 0;
  };
  const useradd: ShellProgram = (args) => {
    const { flags, values, rest } = optionsOf(
      args,
      "r M m U N l system no-create-home create-home user-group no-user-group",
      "g d s c u G gid home-dir home shell comment uid groups",
    );
    const [name = ""] = rest;
    if (accounts.hasUser(name)) return 9;
    const given = values.get("g") ?? values.get("gid");
    if (given === undefined) accounts.addGroup(name);
    const home = values.get("d") ?? values.get("home-dir") ?? values.get("home") ?? `/home/${name}`;
    accounts.addUser(name, {
      ...{ group: given ?? name, home, shell: values.get("s") ?? values.get("shell") ?? "/bin/sh" },
      ...{
        gecos: values.get("c") ?? values.get("comment") ?? "",
        uid: values.get("u") ?? values.get("uid") ?? "-",
      },
    });
    for (const group of (values.get("G") ?? values.get("groups") ?? "").split(",").filter(Boolean))
      accounts.addMember(name, group);
    if (flags.has("m") || flags.has("create-home")) makeHome(name, home);
    return 0;
  };
  const groupadd: ShellProgram = (args) => {
    const { values, rest } = optionsOf(args, "r f system force", "g gid");
    accounts.addGroup(rest[0] ?? "", values.get("g") ?? values.get("gid"));
    return 0;
  };
  const usermod: ShellProgram = (args) => {
    const { flags, values, rest } = optionsOf(args, "a append", "G groups");
    const groups = values.get("G") ?? values.get("groups");
    if (!groups || flags.size === 0) throw new NotUnderstood("");
    for (const group of groups.split(",")) accounts.addMember(rest[0] ?? "", group);
    return 0;
  };
  const getent: ShellProgram = ([database, name = ""], { out }) => {
    const line =
      database === "passwd"
        ? accounts.passwdLine(name)
        : database === "group"
          ? accounts.groupLine(name)
          : undefined;
    if (!/^(passwd|group)$/.test(database ?? "") || name === "") throw new NotUnderstood("");
    if (line !== undefined) out(`${line}\n`);
    return line === undefined ? 2 : 0;
  };
  const id: ShellProgram = (args, { out }) => {
    const { flags, rest } = optionsOf(args, "u g G n");
    const name = rest[0] ?? self();
    const fields = accounts.passwdLine(name)?.split(":");
    if (!fields) return 1;
    if (flags.has("G"))
      return flags.has("n") ? say(out, `${accounts.groupsOf(name).join(" ")}\n`) : unknown();
    if (flags.has("n")) out(`${flags.has("u") ? name : accounts.groupOf(name)}\n`);
    else out(`${flags.has("g") ? fields[3] : fields[2]}\n`);
    return 0;
  };
  return {
    addgroup,
    adduser,
    useradd,
    groupadd,
    usermod,
    getent,
    id,
    su,
    runuser,
    whoami: (_, { out }) => say(out, `${self()}\n`),
  };
}

function unknown(): never {
  throw new NotUnderstood("");
}
