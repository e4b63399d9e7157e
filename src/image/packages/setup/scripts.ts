/** One `update-alternatives --install`, with its `--slave` links (update-alternatives(1)). */
export interface Alternative {
  readonly priority: number;
  readonly links: readonly { readonly link: string; readonly name: string; readonly target: string }[];
}

/** What a maintainer script does on a first installation, as far as its text shows without running it. */
export interface ScriptFindings {
  readonly alternatives: readonly Alternative[];
  /** Configuration of nginx modules to enable: file below `modules-available` to link below `modules-enabled`. */
  readonly nginxModules: readonly { readonly from: string; readonly to: string }[];
  /** Lines that need a recipe or `skipScripts`; empty when everything is understood. */
  readonly rest: readonly string[];
}

/**
 * Sections that debhelper adds which need nothing in an image that no init system runs in and nothing changes in,
 * or that are applied from the files they stand for (sysusers.d, tmpfiles.d).
 */
const settledSections = new Set([
  "dh_apparmor",
  "dh_bash-completion",
  "dh_icons",
  "dh_installcron",
  "dh_installdeb",
  "dh_installdebconf",
  "dh_installinfo",
  "dh_installinit",
  "dh_installinitramfs",
  "dh_installmenu",
  "dh_installmime",
  "dh_installsystemd",
  "dh_installsystemduser",
  "dh_installsysusers",
  "dh_installtmpfiles",
  "dh_installudev",
  "dh_makeshlibs",
  "dh_pypy",
  "dh_python2",
  "dh_python3",
  "dh_runit",
  "dh_strip",
  "dh_systemd_enable",
  "dh_systemd_start",
  "dh_usrlocal",
]);

const sectionBegin = /^# Automatically added by ([\w-]+)(?:\/\S*)?$/;
const sectionEnd = "# End automatically added section";

/** Debian's longest have a tenth of it, and their lines a third. */
const longest = { script: 1 << 20, line: 16 << 10 };

/** Reads a postinst or preinst (Debian Policy section 6.5). */
export function readScript(text: string): ScriptFindings {
  const alternatives: Alternative[] = [];
  const nginxModules: { from: string; to: string }[] = [];
  const unknown: string[] = [];
  if (text.length > longest.script)
    return { alternatives, nginxModules, rest: [`a script of ${text.length} characters`] };
  const own = withoutSections(text, (kind, body) => {
    if (kind === "dh_installalternatives") return body;
    if (kind === "dh_nginx") nginxModules.push(...modulePairs(body.join("\n")));
    else if (!settledSections.has(kind)) unknown.push(`a section made by ${kind}`);
    return [];
  });
  const rest = joinLines(own).filter((line) => {
    if (line.length > longest.line) return true;
    const found = parseAlternative(line);
    if (found) alternatives.push(found);
    return !found && !isBoilerplate(line);
  });
  return { alternatives, nginxModules, rest: [...unknown, ...rest] };
}

/** A script without the sections of debhelper that need nothing, or whose effect comes from files. */
export function ownText(text: string): string {
  return withoutSections(text, (kind, body) =>
    settledSections.has(kind) || kind === "dh_nginx" ? [] : body,
  );
}

/** The text with what `replace` makes of each section; one without an end is none. */
function withoutSections(text: string, replace: (kind: string, body: string[]) => readonly string[]): string {
  const lines = text.split("\n");
  const last = lines.lastIndexOf(sectionEnd);
  const own: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const kind = i < last ? sectionBegin.exec(line)?.[1] : undefined;
    if (kind === undefined) {
      own.push(line);
      continue;
    }
    const end = lines.indexOf(sectionEnd, i + 1);
    own.push(...replace(kind, lines.slice(i + 1, end)));
    i = end;
  }
  return own.join("\n");
}

function modulePairs(body: string): readonly { from: string; to: string }[] {
  const list = body.match(/^for confpair in (.*?);/m)?.[1] ?? "";
  return [...list.matchAll(/(\S+):(\S+)/g)].map(([, from = "", to = ""]) => ({ from, to }));
}

function joinLines(text: string): readonly string[] {
  return text
    .replace(/\\\n/g, " ")
    .split("\n")
    .map((line) => line.trim());
}

/** Only literal lines: a line with a variable needs a recipe. */
function parseAlternative(line: string): Alternative | undefined {
  const match = line.match(
    /^update-alternatives (?:--quiet )?\s*--install\s+([^$`|&;]+?)(?:\s*\|\|\s*true)?$/,
  );
  if (!match?.[1]) return undefined;
  const [first, ...slaves] = match[1].split(/\s+--slave\s+/).map((part) => part.trim().split(/\s+/));
  const [link, name, target, priority] = first ?? [];
  if (!link || !name || !target || !/^-?\d+$/.test(priority ?? "")) return undefined;
  const others = slaves.flatMap(([l, n, t]) => (l && n && t ? [{ link: l, name: n, target: t }] : []));
  return { priority: Number(priority), links: [{ link, name, target }, ...others] };
}

/** Lines that every script has, and commands that act only on a running system. */
const boilerplate: readonly RegExp[] = [
  /^$/,
  /^#/,
  /^(:|true|exit 0|exit 1|fi|else|esac|;;|set -[a-z]+)$/,
  /^set -[a-z]+( -[a-z]+)*$/,
  /^case "?\$\{?1(:-)?\}?"? in$/,
  /^\(?"?[a-z-]+"?(\s*\|\s*"?[a-z-]+"?)*\)( ?:? ?;;)?$/,
  /^\*\)$/,
  /^echo\b[^>]*unknown[^>]*>&2$/,
  /^if (test|\[|\[\[) "?\$\{?1\}?"? ={1,2} "?'?configure'?"? \]{0,2}( |;)*then$/,
  /^if (test|\[|\[\[) "?\$\{?1\}?"? ={1,2} "?'?configure'?"? \]{0,2}$/,
  /^then$/,
  /^(if )?\[ "\$1" = "configure" \]( \|\| \[ "\$1" = "abort-[a-z]+" \])+ ?; ?then$/,
  /^\. \/usr\/share\/debconf\/confmodule$/,
  /^db_(stop|version|capb|go)\b/,
  /^(systemctl|deb-systemd-helper|deb-systemd-invoke|invoke-rc\.d|update-rc\.d|ldconfig|dpkg-maintscript-helper)\b/,
  /^update-alternatives (--quiet )?--(remove|auto|remove-all)\b[^;&]*$/,
  /^dpkg-trigger --no-await (update-initramfs|nginx-reload)$/,
];

function isBoilerplate(line: string): boolean {
  return boilerplate.some((pattern) => pattern.test(line));
}
