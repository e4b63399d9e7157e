import { posix } from "node:path";
import type { TarEntry } from "../../tar/entry.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import type { ScriptAccounts } from "./accounts.ts";
import { findFiles } from "./find.ts";
import type { ImageFiles, OwnerNames } from "./image-files.ts";
import { changedMode } from "./mode.ts";
import { optionsOf } from "./options.ts";

/** chmod(1), cp(1), install(1), ln(1) and their like. */
export function filePrograms(
  files: ImageFiles,
  accounts: ScriptAccounts,
): Readonly<Record<string, ShellProgram>> {
  const ownerOf = (text: string): Partial<OwnerNames> => {
    const [user = "", group] = text.split(/[:.]/);
    if ((user && !accounts.hasUser(user)) || (group && !accounts.hasGroup(group)))
      throw new NotUnderstood("");
    const login = text.endsWith(":") ? accounts.groupOf(user) : group;
    return { ...(user ? { user } : {}), ...(login ? { group: login } : {}) };
  };
  const own = (paths: readonly string[], owner: Partial<OwnerNames>, flags: ReadonlySet<string>): number => {
    const itself = flags.has("h") || flags.has("no-dereference") || flags.has("R") || flags.has("recursive");
    return each(paths, (path) => {
      const all = flags.has("R") || flags.has("recursive") ? files.below(path) : [path];
      for (const one of all.length > 0 ? all : [path]) files.setOwner(one, owner, itself);
    });
  };
  /** 1 when one of the paths does not exist. */
  const each = (paths: readonly string[], work: (path: string) => void): number => {
    const there = paths.filter((path) => files.at(plainPath(path), true));
    for (const path of there) work(plainPath(path));
    return there.length < paths.length ? 1 : 0;
  };
  const into = (target: string, source: string) =>
    files.at(target)?.type === "folder" ? posix.join(target, posix.basename(source)) : target;

  const chownFlags = "R H L P h f v c recursive no-dereference quiet silent changes verbose dereference";
  const chown: ShellProgram = (args) => {
    const { flags, rest, values } = optionsOf(args, chownFlags, "reference from");
    const [owner = "", ...paths] = rest;
    if (values.size > 0) throw new NotUnderstood("");
    return own(paths, ownerOf(owner), flags);
  };
  const chgrp: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(args, chownFlags);
    const [group = "", ...paths] = rest;
    return own(paths, ownerOf(`:${group}`), flags);
  };
  const chmod: ShellProgram = (args) => {
    // `-x` is a mode
    const plain = args.map((one) => (/^-[rwxst]+$/.test(one) ? `a${one}` : one));
    const { flags, rest } = optionsOf(plain, "R f v c recursive quiet silent");
    const [mode = "", ...paths] = rest;
    return each(paths, (path) => {
      for (const one of flags.has("R") || flags.has("recursive") ? files.below(path) : [path]) {
        const entry = files.at(one, one !== path);
        if (entry && entry.type !== "symlink")
          files.setMode(one, changedMode(mode, entry.mode, entry.type === "folder"));
      }
    });
  };
  const mkdir: ShellProgram = (args) => {
    const { flags, values, rest } = optionsOf(args, "p v Z parents", "m mode");
    let status = 0;
    for (const path of rest.map(plainPath)) {
      const isThere = files.at(path) !== undefined;
      if (!flags.has("p") && !flags.has("parents") && (isThere || !files.parentExists(path))) {
        status = 1;
        continue;
      }
      if (isThere) continue;
      makeFolders(path);
      const mode = values.get("m") ?? values.get("mode");
      if (mode !== undefined) files.setMode(path, changedMode(mode, 0o755, true));
    }
    return status;
  };
  const makeFolders = (path: string) => {
    const parts = path.split("/").filter(Boolean);
    for (const [index] of parts.entries()) {
      const one = `/${parts.slice(0, index + 1).join("/")}`;
      if (!files.at(one)) files.makeFolder(one);
    }
  };
  const install: ShellProgram = (args) => {
    const { flags, values, rest } = optionsOf(
      args,
      "d D p v T c C Z directory preserve-timestamps",
      "m o g mode owner group",
    );
    const mode = values.get("m") ?? values.get("mode") ?? "755";
    const user = values.get("o") ?? values.get("owner");
    const group = values.get("g") ?? values.get("group");
    const owner = { ...(user ? ownerOf(user) : {}), ...(group ? ownerOf(`:${group}`) : {}) };
    const settle = (path: string) => {
      files.setMode(path, changedMode(mode, 0o755, flags.has("d")));
      files.setOwner(path, owner);
    };
    if (flags.has("d") || flags.has("directory")) {
      for (const path of rest.map(plainPath)) {
        makeFolders(path);
        settle(path);
      }
      return 0;
    }
    const target = plainPath(rest.at(-1) ?? "");
    for (const source of rest.slice(0, -1).map(plainPath)) {
      const path = into(target, source);
      if (flags.has("D")) makeFolders(posix.dirname(path));
      if (source === "/dev/null") files.write(path, "");
      else if (files.at(source)) files.copy(source, path);
      else return 1;
      settle(path);
    }
    return 0;
  };
  const ln: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(args, "s f n v T r symbolic force no-dereference relative");
    if (!flags.has("s") && !flags.has("symbolic")) throw new NotUnderstood("");
    const target = plainPath(rest.length > 1 ? (rest.at(-1) ?? "") : posix.basename(rest[0] ?? ""));
    let status = 0;
    for (const source of rest.length > 1 ? rest.slice(0, -1) : rest) {
      const isFolder =
        files.at(target)?.type === "folder" &&
        !(flags.has("n") && files.at(target, true)?.type === "symlink") &&
        !flags.has("T");
      const path = isFolder ? posix.join(target, posix.basename(source)) : target;
      if (files.at(path, true) && !flags.has("f") && !flags.has("force")) status = 1;
      else files.makeLink(path, flags.has("r") ? posix.relative(posix.dirname(path), source) : source);
    }
    return status;
  };
  const rm: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(args, "f r R v force recursive one-file-system i");
    const status = each(rest, (path) => files.remove(path));
    return flags.has("f") || flags.has("force") ? 0 : status;
  };
  const rmdir: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(args, "p v ignore-fail-on-non-empty parents");
    if (flags.has("p") || flags.has("parents")) throw new NotUnderstood("");
    let status = 0;
    for (const path of rest.map(plainPath)) {
      const isEmpty = files.at(path)?.type === "folder" && files.namesIn(path).length === 0;
      if (isEmpty) files.remove(path);
      else if (!flags.has("ignore-fail-on-non-empty")) status = 1;
    }
    return status;
  };
  const cp: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(
      args,
      "a p r R f d v n u T L P Z preserve archive recursive no-clobber update force no-dereference",
      "",
    );
    const target = plainPath(rest.at(-1) ?? "");
    const keeps = flags.has("a") || flags.has("p") || flags.has("archive") || flags.has("preserve");
    return each(rest.slice(0, -1), (source) => {
      const path = flags.has("T") ? target : into(target, source);
      const all = files.at(source)?.type === "folder" ? files.below(source) : [source];
      for (const one of all) {
        const place = posix.join(path, one.slice(source.length));
        if ((flags.has("n") || flags.has("no-clobber") || flags.has("u")) && files.at(place, true)) continue;
        files.copy(one, place, all.length > 1 || flags.has("a") || flags.has("d"));
        if (!keeps) files.setOwner(place, { user: "root", group: "root" });
      }
    });
  };
  const mv: ShellProgram = (args) => {
    const { rest } = optionsOf(args, "f v n T Z force");
    const target = plainPath(rest.at(-1) ?? "");
    return each(rest.slice(0, -1), (source) => {
      const path = into(target, source);
      if (files.at(path, true)?.type !== "folder") files.remove(path);
      for (const one of files.below(source))
        files.copy(one, posix.join(path, one.slice(source.length)), true);
      files.remove(source);
    });
  };
  const touch: ShellProgram = (args) => {
    const { rest } = optionsOf(args, "c a m h", "d r date reference");
    for (const path of rest.map(plainPath)) if (!files.at(path)) files.write(path, "");
    return 0;
  };
  const find: ShellProgram = (args, streams, shell) =>
    findFiles(files, accounts, args, streams.out, (argv) => shell.call(argv, streams) === 0);
  const stat: ShellProgram = (args, { out }) => {
    const { values, rest } = optionsOf(args, "L dereference", "c format");
    const format = values.get("c") ?? values.get("format") ?? "";
    return each(rest, (path) => {
      const entry = files.at(path, true);
      const { user, group } = entry ? files.ownerOf(entry) : { user: "0", group: "0" };
      const shown: Record<string, string> = {
        "%U": named(user),
        "%G": named(group),
        "%a": (entry?.mode ?? 0).toString(8),
        "%u": user,
        "%g": group,
      };
      out(`${format.replace(/%./g, (one) => shown[one] ?? unknown())}\n`);
    });
  };
  const readlink: ShellProgram = (args, { out }) => {
    const { flags, rest } = optionsOf(args, "f e m n q");
    const entry = files.at(plainPath(rest[0] ?? ""), flags.size === 0);
    if (flags.has("f") || flags.has("e") || flags.has("m")) {
      out(`/${entry?.path ?? rest[0]?.slice(1)}\n`);
      return entry || !flags.has("e") ? 0 : 1;
    }
    if (entry?.type !== "symlink") return 1;
    out(`${entry.link}\n`);
    return 0;
  };
  const realpath: ShellProgram = (args, streams, shell) =>
    readlink(["-f", ...args.filter((one) => !/^-[qz]$/.test(one))], streams, shell);
  const mktemp: ShellProgram = (args, { out }) => {
    const { flags, values, rest } = optionsOf(args, "d t u q directory tmpdir", "p");
    const name = posix
      .basename(rest.at(-1) ?? "tmp.XXXX")
      .replace(/X{3,}/, () => `kiln${files.namesIn("/tmp").length}`);
    const folder = rest[0]?.startsWith("/") ? posix.dirname(rest[0]) : (values.get("p") ?? "/tmp");
    if (flags.has("d") || flags.has("directory")) files.makeFolder(`${folder}/${name}`);
    else files.write(`${folder}/${name}`, "");
    out(`${folder}/${name}\n`);
    return 0;
  };
  const ls: ShellProgram = (args, { out }) => {
    const { flags, rest } = optionsOf(args, "1 A a d l n");
    const isLong = flags.has("l") || flags.has("n");
    return each(rest.length > 0 ? rest : ["."], (path) => {
      const isListed = files.at(path)?.type === "folder" && !flags.has("d");
      const names = isListed
        ? files.namesIn(path).filter((name) => flags.size > 0 || !name.startsWith("."))
        : [path];
      for (const name of names)
        out(`${isLong ? longLine(isListed ? posix.join(path, name) : name, name) : name}\n`);
    });
  };
  /** A line of `ls -l`; with `-n`, users are shown by number anyway. Links, sizes and times are not known here. */
  const longLine = (path: string, name: string): string => {
    const entry = files.at(path, true) ?? unknown();
    if (entry.type === "symlink") unknown();
    const { user, group } = files.ownerOf(entry);
    return `${shownMode(entry)} 1 ${accounts.numberOf("user", user)} ${accounts.numberOf("group", group)} 0 Jan 1 1970 ${name}`;
  };
  /** There is room: an image has no limit of its own. */
  const df: ShellProgram = (args, { out }) => {
    const { rest } = optionsOf(args, "P k m portability", "B block-size");
    const room = 2 ** 40;
    out("Filesystem 1024-blocks Used Available Capacity Mounted on\n");
    return each(rest, (path) => out(`image ${room} 0 ${room} 0% ${path}\n`));
  };
  return {
    chown,
    chgrp,
    chmod,
    mkdir,
    install,
    ln,
    rm,
    rmdir,
    cp,
    mv,
    touch,
    find,
    stat,
    readlink,
    mktemp,
    ls,
    df,
    realpath,
  };
}

/** A path without doubled slashes, or `.` and `..`; a relative one stays relative. */
export function plainPath(path: string): string {
  if (path === "") throw new NotUnderstood("");
  return posix.normalize(path.replace(/^\/+/, "/"));
}

function shownMode({ type, mode }: TarEntry): string {
  const bits = [...mode.toString(2).padStart(12, "0").slice(3)];
  return `${type === "folder" ? "d" : "-"}${bits.map((bit, at) => (bit === "1" ? "rwx"[at % 3] : "-")).join("")}`;
}

function named(user: string): string {
  return user === "0" ? "root" : user;
}

function unknown(): never {
  throw new NotUnderstood("");
}
