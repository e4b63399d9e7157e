import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram, ShellStreams } from "../shell/world.ts";
import type { ImageFiles } from "./image-files.ts";
import { optionsOf } from "./options.ts";

const kinds = {
  mod: { folder: "mods", ends: [".load", ".conf"] },
  conf: { folder: "conf", ends: [".conf"] },
  site: { folder: "sites", ends: [".conf"] },
} as const;

type Kind = keyof typeof kinds;

/** a2enmod(8), a2enconf, a2ensite, their opposites, and a2query(1): links of Apache's enabled modules, configuration and sites. */
export function apachePrograms(files: ImageFiles): Readonly<Record<string, ShellProgram>> {
  const place = (kind: Kind, state: "available" | "enabled", name: string, end: string) =>
    `/etc/apache2/${kinds[kind].folder}-${state}/${name}${end}`;
  const isAvailable = (kind: Kind, name: string) =>
    files.at(place(kind, "available", name, kinds[kind].ends[0])) !== undefined;
  const isEnabled = (kind: Kind, name: string) =>
    files.at(place(kind, "enabled", name, kinds[kind].ends[0]), true) !== undefined;
  /** The words after `# Depends:` or `# Conflicts:` of a module. */
  const named = (kind: Kind, name: string, field: string): readonly string[] => {
    const text = files.read(place(kind, "available", name, kinds[kind].ends[0])) ?? "";
    const [, words = ""] = new RegExp(`^# ${field}:\\s+(.*?)\\s*$`, "m").exec(text) ?? [];
    return words.split(/\s+/).filter(Boolean);
  };
  const enable = (kind: Kind, name: string, begun: readonly string[] = []): number => {
    if (begun.includes(name)) return 0;
    if (!isAvailable(kind, name)) return 1;
    if (kind === "mod") {
      if (named(kind, name, "Conflicts").some((one) => isEnabled(kind, one))) return 1;
      for (const one of named(kind, name, "Depends")) if (enable(kind, one, [...begun, name]) !== 0) return 1;
    }
    for (const end of kinds[kind].ends) {
      if (!files.at(place(kind, "available", name, end))) continue;
      files.makeLink(place(kind, "enabled", name, end), `../${kinds[kind].folder}-available/${name}${end}`);
    }
    return 0;
  };
  const enabler =
    (kind: Kind): ShellProgram =>
    (args) => {
      const { rest } = optionsOf(args, "q m f quiet maintmode force");
      return Math.max(0, ...rest.map((name) => enable(kind, name.replace(/\.(conf|load)$/, ""))));
    };
  const disabler =
    (kind: Kind): ShellProgram =>
    (args) => {
      const { rest } = optionsOf(args, "q m f p quiet maintmode force purge");
      for (const name of rest)
        for (const end of kinds[kind].ends) files.remove(place(kind, "enabled", name, end));
      return 0;
    };
  /** Status 0: enabled; 32: not enabled; 1: not there. */
  const query: ShellProgram = (args, { out }: ShellStreams) => {
    const [option = "", name = ""] = args.filter((one) => one !== "-q");
    const kind = { "-m": "mod", "-c": "conf", "-s": "site" }[/^-[mcs]$/.exec(option)?.[0] ?? ""] as
      | Kind
      | undefined;
    if (option === "-M") return mpm(out);
    if (kind === undefined || name === "") throw new NotUnderstood("");
    if (isEnabled(kind, name)) return 0;
    return isAvailable(kind, name) ? 32 : 1;
  };
  const mpm = (out: ShellStreams["out"]): number => {
    const found = files.namesIn("/etc/apache2/mods-enabled").find((name) => /^mpm_\w+\.load$/.test(name));
    out(`${/^mpm_(\w+)/.exec(found ?? "")?.[1] ?? "invalid"}\n`);
    return found ? 0 : 1;
  };
  return {
    ...{ a2enmod: enabler("mod"), a2enconf: enabler("conf"), a2ensite: enabler("site"), a2query: query },
    ...{ a2dismod: disabler("mod"), a2disconf: disabler("conf"), a2dissite: disabler("site") },
  };
}
