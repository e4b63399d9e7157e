import { parseStanzas, type Stanza } from "./control.ts";

/** One place that apt fetches from: every suite of it at every URI of it. */
export interface PackageSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Further fields of deb822 form, e.g. `signed-by`, as they were found. */
  readonly options: Readonly<Record<string, string>>;
}

const debianSuites =
  /^(buster|bullseye|bookworm|trixie|forky|duke|sid|unstable|testing|stable|oldstable|oldoldstable)$/;

/** Sources from the one-line format of sources.list(5). Lines for source packages are left out. */
export function parseOneLine(text: string): readonly PackageSource[] {
  return text.split("\n").flatMap((line) => {
    const match = line
      .replace(/#.*/, "")
      .trim()
      .match(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)(?:\s+(.*))?$/);
    if (!match) return [];
    const [, options, uri, suite, components] = match;
    if (!uri || !suite) return [];
    return [
      { uris: [uri], suites: [suite], components: words(components), options: oneLineOptions(options) },
    ];
  });
}

function oneLineOptions(text: string | undefined): Readonly<Record<string, string>> {
  const pairs = words(text).map((word): [string, string] => {
    const [name = "", value = ""] = word.split(/[+-]?=(.*)/s);
    return [name.toLowerCase(), value.replaceAll(",", " ")];
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== "arch" && !ownFields.has(name)));
}

/** Of two fields with one name, apt takes the last: an option must not stand for what the line itself says. */
const ownFields = new Set(["types", "uris", "suites", "components", "architectures", "enabled"]);

/** Sources from the deb822 format of sources.list(5). Disabled ones and those for source packages are left out. */
export function parseDeb822(text: string): readonly PackageSource[] {
  return parseStanzas(text).flatMap((stanza) => {
    const disabled = /^(no|false|without|off|disable)$/.test(stanza.get("enabled") ?? "");
    if (disabled || !words(stanza.get("types")).includes("deb")) return [];
    return [
      {
        uris: words(stanza.get("uris")),
        suites: words(stanza.get("suites")),
        components: words(stanza.get("components")),
        options: deb822Options(stanza),
      },
    ];
  });
}

function deb822Options(stanza: Stanza): Readonly<Record<string, string>> {
  return Object.fromEntries([...stanza].filter(([name]) => !ownFields.has(name) && !name.startsWith("x-")));
}

/**
 * The sources for another suite: entries that name exactly this suite stay; Debian's own archives give their main,
 * updates and security suites under the new name; everything else is left out.
 */
export function adaptSources(sources: readonly PackageSource[], suite: string): readonly PackageSource[] {
  const adapted = sources.flatMap((source) => {
    const suites = new Set(source.suites.flatMap((own) => adaptSuite(source, own, suite)));
    return suites.size === 0 ? [] : [{ ...source, suites: [...suites] }];
  });
  return [...new Map(adapted.map((source) => [JSON.stringify(source), source])).values()];
}

function adaptSuite(source: PackageSource, own: string, wanted: string): readonly string[] {
  if (own === wanted) return [own];
  const match = own.match(/^([a-z]+)(-updates|-security)?$/);
  if (!match?.[1] || !debianSuites.test(match[1]) || !isDebianArchive(source)) return [];
  return [`${wanted}${match[2] ?? ""}`];
}

/** Debian's own archive carries `main` and, where a key is named, is signed by the archive's keyring. */
function isDebianArchive(source: PackageSource): boolean {
  const key = source.options["signed-by"];
  return source.components.includes("main") && (key === undefined || /debian-archive-/.test(key));
}

/** Sources in the deb822 format, for a `.sources` file. */
export function formatSources(sources: readonly PackageSource[]): string {
  return sources
    .map((source) =>
      [
        "Types: deb",
        `URIs: ${source.uris.join(" ")}`,
        `Suites: ${source.suites.join(" ")}`,
        ...(source.components.length === 0 ? [] : [`Components: ${source.components.join(" ")}`]),
        ...Object.entries(source.options).map(([name, value]) => `${name}: ${value.replaceAll("\n", "\n ")}`),
        "",
      ].join("\n"),
    )
    .join("\n");
}

/** Where a package can be fetched from: `uri` + `/` + the package's path in the pool. */
export interface Archive {
  readonly uri: string;
  readonly suite: string;
}

/** Every archive of these sources, the first one of each URI first. */
export function archives(sources: readonly PackageSource[]): readonly Archive[] {
  return sources.flatMap((source) =>
    source.uris.flatMap((uri) => source.suites.map((suite) => ({ uri: uri.replace(/\/+$/, ""), suite }))),
  );
}

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
