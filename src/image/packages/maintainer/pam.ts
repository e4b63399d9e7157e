import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";
import type { ImageFiles } from "./image-files.ts";

type Profile = ReadonlyMap<string, string>;

const kinds = ["auth", "account", "password", "session", "session-noninteractive"];

/**
 * pam-auth-update(8) without an administrator: /etc/pam.d/common-* from the templates of libpam-runtime and every profile of
 * /usr/share/pam-configs that is chosen by default. Its record in /var/lib/pam, too.
 */
export function pamAuthUpdate(files: ImageFiles): ShellProgram {
  return (args) => {
    if (args.some((one) => one !== "" && !/^--(package|force|root)$/.test(one))) throw new NotUnderstood("");
    const known = knownProfiles(files);
    const profiles = new Map([...known].filter(([, profile]) => profile.get("Default") === "yes"));
    for (const kind of kinds) {
      const template = files.read(`/usr/share/pam/common-${kind}`);
      if (template === undefined) throw new NotUnderstood("");
      files.write(`/etc/pam.d/common-${kind}`, filled(template, kind, [...profiles.values()]));
      files.write(`/var/lib/pam/${kind}`, record(kind, profiles));
    }
    files.write("/var/lib/pam/seen", [...known.keys()].map((name) => `${name}\n`).join(""));
    return 0;
  };
}

/** Of the highest priority first, of equal ones the last in the alphabet. */
function knownProfiles(files: ImageFiles): ReadonlyMap<string, Profile> {
  const all = files
    .namesIn("/usr/share/pam-configs")
    .map((name) => [name, profileOf(files.read(`/usr/share/pam-configs/${name}`) ?? "")] as const);
  if (all.some(([, profile]) => profile.has("Conflicts"))) throw new NotUnderstood("");
  const priority = (profile: Profile) => Number(profile.get("Priority") ?? 0);
  return new Map([...all].sort(([a, x], [b, y]) => priority(y) - priority(x) || (a < b ? 1 : -1)));
}

function profileOf(text: string): Profile {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^(\S+):\s+(.*?)\s*$/.exec(`${line}\n`) ?? [];
    if (name !== undefined) {
      last = name.replace(/-Final$/, "");
      fields.set(last, value);
    } else if (line.trim() !== "") fields.set(last, `${fields.get(last) ?? ""}\n${line.trim()}`.trimStart());
  }
  if (!fields.has("Session-Interactive-Only"))
    for (const end of ["", "-Type", "-Initial"]) {
      const value = fields.get(`Session${end}`);
      if (value !== undefined) fields.set(`Session-noninteractive${end}`, value);
    }
  return fields;
}

const blocks = [
  [
    "Primary",
    /^# here are the per-package modules \(the "Primary" block\)/,
    /^# here's the fallback if no module succeeds/,
  ],
  [
    "Additional",
    /^# and here are more per-package modules \(the "Additional" block\)/,
    /^# end of pam-auth-update config/,
  ],
] as const;

/** A template with the lines of the profiles in its two blocks. */
function filled(template: string, kind: string, profiles: readonly Profile[]): string {
  const shown: string[] = [];
  let until: RegExp | undefined;
  for (const line of template.replace(/\n$/, "").split("\n")) {
    if (until && !until.test(line)) continue;
    until = undefined;
    shown.push(line);
    const block = blocks.find(([, begin]) => begin.test(line));
    if (!block) continue;
    shown.push(...blockLines(kind, block[0], profiles));
    until = block[2];
  }
  return `${shown.join("\n")}\n`;
}

function linesOf(kind: string, block: string, profiles: readonly Profile[]): readonly (readonly string[])[] {
  const field = kind[0]?.toUpperCase() + kind.slice(1);
  return profiles
    .filter((profile) => profile.get(`${field}-Type`) === block)
    .map((profile, index) => {
      const initial = index === 0 ? profile.get(`${field}-Initial`) : undefined;
      return (initial || profile.get(field) || "").split("\n");
    });
}

/** `end` in a line stands for the number of lines that a module's success skips. */
function blockLines(kind: string, block: string, profiles: readonly Profile[]): readonly string[] {
  const type = kind.replace("-noninteractive", "");
  const lines = linesOf(kind, block, profiles).flat();
  if (lines.length === 0 && block === "Primary") return [`${type}\t[default=1]\t\t\tpam_permit.so`];
  const skips = block === "Additional" ? lines.length - 1 : lines.length;
  return lines.map((line, index) => {
    const [, module = "", , options = ""] = /^((\[[^\]]+\]|\w+)\s+\S+)\s*(.*)/.exec(line) ?? [];
    return `${type}\t${module.replace(/end/g, String(skips - index))} ${options.split(/\s+/).join(" ")}`;
  });
}

function record(kind: string, profiles: ReadonlyMap<string, Profile>): string {
  const field = kind[0]?.toUpperCase() + kind.slice(1);
  const of = (block: string) => {
    const chosen = [...profiles].filter(([, profile]) => profile.get(`${field}-Type`) === block);
    const lines = linesOf(
      kind,
      block,
      chosen.map(([, profile]) => profile),
    );
    return chosen.map(([name], index) => `Module: ${name}\n${lines[index]?.join("\n")}\n`);
  };
  const primary = of("Primary");
  const stock = "Module: null\n[default=1]\t\t\tpam_permit.so\n";
  return [...(primary.length === 0 ? [stock] : primary), ...of("Additional")].join("");
}
