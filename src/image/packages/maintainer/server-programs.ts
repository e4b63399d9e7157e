import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import { plainPath } from "./file-programs.ts";
import type { ImageFiles } from "./image-files.ts";

/** Programs of servers that scripts ask for their settings, which are in the files that the packages bring. */
export function serverPrograms(files: ImageFiles): Readonly<Record<string, ShellProgram>> {
  const settings = (path: string) =>
    (files.read(path) ?? "").split("\n").filter((line) => /^\s*[^\s#!;%]/.test(line));
  /** Only the question for one setting of one file: `pg_conftool FILE show -bs NAME`. */
  const conftool: ShellProgram = ([path = "", show, options, name = "", ...more], { out }) => {
    if (show !== "show" || !/^-[bs]+$/.test(options ?? "") || more.length > 0) throw new NotUnderstood("");
    const line = settings(plainPath(path)).find((one) => one.split("=")[0]?.trim() === name);
    if (line === undefined) return 1;
    out(
      `${line
        .slice(line.indexOf("=") + 1)
        .replace(/#.*/, "")
        .trim()
        .replace(/^'|'$/g, "")}\n`,
    );
    return 0;
  };
  const chronyd: ShellProgram = (args, { out }) => {
    if (args.join(" ") !== "-p") throw new NotUnderstood("");
    for (const line of settings("/etc/chrony/chrony.conf")) out(`${line}\n`);
    return 0;
  };
  const squid: ShellProgram = (args, { error }) => {
    if (args.join(" ") !== "-k parse") throw new NotUnderstood("");
    for (const line of settings("/etc/squid/squid.conf")) error(`Processing: ${line}\n`);
    return 0;
  };
  /** Makes nothing as long as there is no dictionary. */
  const updateDicts: ShellProgram = () => {
    const folders = ["/usr/share/hunspell", "/usr/share/myspell/dicts"];
    if (folders.some((folder) => files.namesIn(folder).some((name) => name.endsWith(".aff"))))
      throw new NotUnderstood("");
    for (const path of ["/var/cache/postgresql", "/var/cache/postgresql/dicts"]) files.makeFolder(path);
    return 0;
  };
  return { chronyd, squid, pg_conftool: conftool, pg_updatedicts: updateDicts };
}
