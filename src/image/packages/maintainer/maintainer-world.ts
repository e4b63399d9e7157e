import { ShellExit } from "../shell/flow.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import { type ShellProgram, type ShellWorld, say } from "../shell/world.ts";
import { accountPrograms } from "./account-programs.ts";
import type { ScriptAccounts } from "./accounts.ts";
import { apachePrograms } from "./apache.ts";
import { setcap } from "./capabilities.ts";
import { testProgram } from "./conditions.ts";
import { type Answers, debconfPrograms } from "./debconf.ts";
import { type DebianContext, debianPrograms } from "./debian-programs.ts";
import { filePrograms, plainPath } from "./file-programs.ts";
import { idlePrograms, idleStatus } from "./idle-programs.ts";
import { keyPrograms } from "./key-programs.ts";
import { getopts } from "./options.ts";
import { pamAuthUpdate } from "./pam.ts";
import { serverPrograms } from "./server-programs.ts";
import { textPrograms } from "./text/text-programs.ts";

export interface MaintainerContext extends DebianContext {
  readonly accounts: ScriptAccounts;
  readonly answers: Answers;
  /** Paths of keys that scripts would make. */
  readonly generated: Set<string>;
}

const searched = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
/** Every full system has them, so a script that asks finds them there. */
const essential = /^(bash|gzip|hostname|perl|tar)$/;
/** Scripts do something else where these are not installed. */
const optional = /^setcap$/;
const confmodule = "/usr/share/debconf/confmodule";

/** What maintainer scripts may do in an image that is being made. A command that is not known is not understood, unless the image has it as a shell script. */
export function maintainerWorld(context: MaintainerContext): ShellWorld {
  const { files } = context;
  const isKnown = (name: string) => Object.hasOwn(programs, name) || idlePrograms.has(name);
  const inPath = (name: string) =>
    searched.map((folder) => `${folder}/${name}`).find((path) => files.at(path)?.type === "file");
  const assumed = (path: string) =>
    path === confmodule ||
    (/^\/(usr\/)?s?bin\//.test(path) &&
      isKnown(path.slice(path.lastIndexOf("/") + 1)) &&
      !/cache|compile|man|deb-systemd/.test(path));
  const look: ShellProgram = (args, { out }) => {
    const name = args.filter((one) => !one.startsWith("-"))[0] ?? "";
    const isAsked = isKnown(name) && !optional.test(name);
    const found = isAsked || name.startsWith("/") ? name : inPath(name);
    if (essential.test(name) || !found) return essential.test(name) ? fail() : 1;
    if (found.startsWith("/") && !files.at(found) && !assumed(found)) return 1;
    out(`${found}\n`);
    return 0;
  };
  const numberOf = (kind: "user" | "group", name: string) => context.accounts.numberOf(kind, name);
  const test = testProgram(
    files,
    assumed,
    (kind, name) => numberOf(kind, name) === numberOf(kind, files.user[kind]),
  );
  const run: ShellProgram = (args, streams, shell) =>
    args[0]?.startsWith("-") ? look(args, streams, shell) : shell.call(args, streams);
  const own: Record<string, ShellProgram> = {
    "[": (args, streams, shell) => (args.at(-1) === "]" ? test(args.slice(0, -1), streams, shell) : fail()),
    test,
    true: () => 0,
    ":": () => 0,
    false: () => 1,
    which: look,
    type: look,
    command: run,
    exec: (args, streams, shell) => {
      if (args.length > 0) throw new ShellExit(shell.call(args, streams));
      return 0;
    },
    env: run,
    getopts,
    sh: ([path = "-", ...args], streams, shell) => {
      // a script whose work is known is not read
      const name = path.slice(path.lastIndexOf("/") + 1);
      if (path.startsWith("/") && isKnown(name)) return shell.call([name, ...args], streams);
      const text = path.startsWith("-") ? undefined : files.read(plainPath(path));
      return shell.runScript(path, text ?? fail(), args, streams);
    },
    cd: ([path = ""]) => {
      const entry = files.at(path);
      if (entry?.type !== "folder" || path === "") return 1;
      files.folder = `/${entry.path}`;
      return 0;
    },
    pwd: (_, { out }) => say(out, `${files.folder}\n`),
    ".": ([path = ""], streams, shell) => {
      if (path === confmodule) return 0;
      return shell.source(files.read(plainPath(path)) ?? fail(), streams);
    },
  };
  const programs: Readonly<Record<string, ShellProgram>> = {
    ...textPrograms(files),
    ...filePrograms(files, context.accounts),
    ...accountPrograms(context.accounts, files),
    ...debianPrograms(context),
    ...debconfPrograms(context.answers),
    ...apachePrograms(files),
    ...keyPrograms(context.generated),
    "pam-auth-update": pamAuthUpdate(files),
    ...serverPrograms(files),
    setcap: setcap(files),
    ...own,
    bash: own.sh as ShellProgram,
    dash: own.sh as ShellProgram,
  };
  const script = (path: string): ShellProgram | undefined => {
    const text = files.read(path) ?? "";
    if (!/^#! ?\/(usr\/)?bin\/(sh|bash|dash)\b/.test(text)) return undefined;
    return (args, streams, shell) => shell.runScript(path, text, args, streams);
  };
  return {
    get folder() {
      return files.folder;
    },
    set folder(path) {
      files.folder = path;
    },
    command(given) {
      const name = /^\/(usr\/)?s?bin\//.test(given) ? given.slice(given.lastIndexOf("/") + 1) : given;
      if (Object.hasOwn(programs, name)) return programs[name];
      if (idlePrograms.has(name)) return (args) => idleStatus(name, args);
      if (given.startsWith("/usr/") && idlePrograms.has(given)) return () => 0;
      const path = given.startsWith("/") ? given : inPath(given);
      return (path === undefined ? undefined : script(path)) ?? fail();
    },
    get umask() {
      return files.umask;
    },
    set umask(bits) {
      files.umask = bits;
    },
    namesIn: (path) => files.namesIn(path),
    exists: (path) => files.at(path, true) !== undefined,
    read: (path) => files.read(plainPath(path)),
    write: (path, text) => files.write(plainPath(path), text),
  };
}

function fail(): never {
  throw new NotUnderstood("");
}
