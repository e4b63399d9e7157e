import { compareVersions } from "../debian-version.ts";
import type { Alternative } from "../setup/scripts.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import { type ShellProgram, type ShellStreams, say } from "../shell/world.ts";
import { plainPath } from "./file-programs.ts";
import type { ImageFiles } from "./image-files.ts";
import { changedMode } from "./mode.ts";
import { optionsOf } from "./options.ts";

/** What the programs of dpkg, ucf and Apache need to know of the image. */
export interface DebianContext {
  readonly files: ImageFiles;
  readonly architecture: string;
  /** Installed packages and their versions. */
  readonly versions: ReadonlyMap<string, string>;
  /** Of each package: the paths that it brings. */
  readonly contents: ReadonlyMap<string, Iterable<string>>;
  /** Those that scripts have named so far. */
  readonly alternatives: Alternative[];
}

/** Triggers whose work is done otherwise or not needed, such as a restart of PHP. */
const idleTriggers =
  /^(ldconfig|nginx-reload|update-initramfs|man-db|update-icon-caches|mandb|ldconfig-noawait|php\S*-(fpm|cli)|\/etc\/php\/[^/]+\/[a-z0-9]+\/conf\.d)$/;

/** dpkg(1) and its tools, update-alternatives(1), ucf(1). */
export function debianPrograms(context: DebianContext): Readonly<Record<string, ShellProgram>> {
  const { files, architecture, versions } = context;
  const listFiles = (names: readonly string[], out: ShellStreams["out"]) => {
    const known = names.map((name) => context.contents.get(name.split(":", 1)[0] ?? ""));
    for (const path of known.flatMap((paths) => [...(paths ?? [])])) out(`/${path}\n`);
    return Number(known.includes(undefined));
  };
  const dpkg: ShellProgram = (args, { out }) => {
    const [option, a = "", operator = "", b = ""] = args;
    if (option === "--print-architecture") return say(out, `${architecture}\n`);
    if (option === "--compare-versions") return Number(!holds(a, operator, b));
    if (option === "--assert-multi-arch" || option === "--validate-version") return 0;
    if (option === "-L" || option === "--listfiles") return listFiles(args.slice(1), out);
    if (option === "-s" || option === "--status") return Number(!versions.has(a));
    throw new NotUnderstood("");
  };
  const dpkgQuery: ShellProgram = (args, { out }) => {
    const { flags, values, rest } = optionsOf(args, "W s show status", "f showformat");
    const version = versions.get((rest[0] ?? "").split(":", 1)[0] ?? "");
    if (rest.length !== 1 || flags.size !== 1) throw new NotUnderstood("");
    if (version === undefined) return 1;
    const format = values.get("f") ?? values.get("showformat") ?? fail();
    const known = new Map([
      ["Package", rest[0] ?? ""],
      ["Version", version],
      ["Status", "install ok installed"],
      ["db:Status-Status", "installed"],
      ["db:Status-Abbrev", "ii "],
    ]);
    out(
      format
        .replace(/\$\{([\w:-]+)\}/g, (_, name: string) => known.get(name) ?? fail())
        .replace(/\\n/g, "\n")
        .replace(/\\t/g, "\t"),
    );
    return 0;
  };
  const statoverride: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(
      args,
      "list add update force quiet force-all remove force-statoverride-add",
    );
    const file = "/var/lib/dpkg/statoverride";
    const before = files.read(file) ?? "";
    if (flags.has("list")) return Number(!before.split("\n").some((line) => line.endsWith(` ${rest[0]}`)));
    if (flags.has("remove")) return 0;
    const [user = "", group = "", mode = "", path = ""] = rest;
    files.write(file, `${before}${user} ${group} ${mode.replace(/^0/, "")} ${path}\n`);
    const entry = flags.has("update") ? files.at(path) : undefined;
    if (entry) {
      files.setOwner(path, { user, group });
      files.setMode(path, changedMode(mode, entry.mode, entry.type === "folder"));
    }
    return 0;
  };
  const divert: ShellProgram = (args, { out }) => {
    const path = args.at(-1) ?? "";
    if (args.includes("--truename")) return say(out, `${path}\n`);
    // without a file of another package there is nothing to move away
    if (args.includes("--remove") || args.includes("--list") || !files.at(path)) return 0;
    throw new NotUnderstood("");
  };
  const trigger: ShellProgram = (args) => {
    const name = args.filter((one) => !one.startsWith("-"))[0] ?? "";
    if (args.includes("--check-supported") || idleTriggers.test(name)) return 0;
    throw new NotUnderstood("");
  };
  const known: Alternative[] = context.alternatives;
  const alternatives: ShellProgram = (args, { out }) => {
    const words = args.filter((one) => !/^--(quiet|force|verbose)$/.test(one));
    if (/^--(remove|remove-all|auto)$/.test(words[0] ?? "")) return 0;
    if (words[0] === "--query" || words[0] === "--display") {
      const best = known
        .filter(({ links }) => links[0]?.name === words[1])
        .sort((a, b) => b.priority - a.priority)[0];
      if (!best) return 2;
      const { link, target } = best.links[0] ?? fail();
      return words[0] === "--query"
        ? say(out, `Name: ${words[1]}\nLink: ${link}\nStatus: auto\nBest: ${target}\nValue: ${target}\n`)
        : say(
            out,
            `${words[1]} - auto mode\n  link best version is ${target}\n  link currently points to ${target}\n`,
          );
    }
    if (words[0] !== "--install") throw new NotUnderstood("");
    const links: { link: string; name: string; target: string }[] = [];
    const [link = "", name = "", target = "", priority = "", ...slaves] = words.slice(1);
    links.push({ link, name, target });
    while (slaves.length > 0) {
      const [option, l = "", n = "", t = ""] = slaves.splice(0, 4);
      if (option !== "--slave" && option !== "--follower") throw new NotUnderstood("");
      links.push({ link: l, name: n, target: t });
    }
    if (!/^-?\d+$/.test(priority)) throw new NotUnderstood("");
    known.push({ priority: Number(priority), links });
    return 0;
  };
  const ucf: ShellProgram = (args) => {
    const { flags, rest } = optionsOf(
      args,
      "three-way debconf-ok purge p src-dir verbose force",
      "sum-file state-dir debug",
    );
    if (flags.has("purge") || flags.has("p")) return 0;
    const [from = "", to = ""] = rest.map(plainPath);
    if (!files.at(to)) files.copy(from, to);
    return files.at(from) ? 0 : 1;
  };
  const multiarch = () => ({ amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" })[architecture] ?? fail();
  const dpkgArchitecture: ShellProgram = (args, { out }) => {
    if (!/^-q?DEB_(HOST|BUILD)_MULTIARCH$/.test(args[0] ?? "")) throw new NotUnderstood("");
    out(`${multiarch()}\n`);
    return 0;
  };
  return {
    dpkg,
    "dpkg-query": dpkgQuery,
    "dpkg-statoverride": statoverride,
    "dpkg-divert": divert,
    "dpkg-trigger": trigger,
    "dpkg-architecture": dpkgArchitecture,
    "update-alternatives": alternatives,
    ucf,
  };
}

/** dpkg(1), `--compare-versions`: no version is older than any, and with `-nl` newer than any. */
function holds(a: string, operator: string, b: string): boolean {
  const [, relation, newer] =
    /^(lt|le|eq|ne|ge|gt)(-nl)?$/.exec(
      { "<<": "lt", "<=": "le", "<": "le", "=": "eq", ">=": "ge", ">": "ge", ">>": "gt" }[operator] ??
        operator,
    ) ?? [];
  if (relation === undefined) throw new NotUnderstood("");
  const empty = Number(a !== "") - Number(b !== "");
  const order = a !== "" && b !== "" ? compareVersions(a, b) : newer ? -empty : empty;
  return (
    { lt: order < 0, le: order <= 0, eq: order === 0, ne: order !== 0, ge: order >= 0, gt: order > 0 }[
      relation
    ] ?? false
  );
}

function fail(): never {
  throw new NotUnderstood("");
}
