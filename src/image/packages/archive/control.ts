/** One paragraph of a control file; field names in lower case. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * The paragraphs of a control file (Debian Policy section 5.1). Continuation lines keep their line break and lose
 * their leading blank; comment lines are dropped.
 */
export function parseStanzas(text: string): readonly Stanza[] {
  return text
    .split(/\n[ \t]*\n/)
    .map(parseStanza)
    .filter((stanza) => stanza.size > 0);
}

function parseStanza(paragraph: string): Stanza {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of paragraph.split("\n")) {
    if (line.startsWith("#")) continue;
    if (/^[ \t]/.test(line)) {
      if (last) fields.set(last, `${fields.get(last) ?? ""}\n${line.slice(1)}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    last = line.slice(0, colon).trim().toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}

/**
 * The package names in a relationship field (Debian Policy section 7.1), alternatives, versions and architecture
 * qualifiers dropped: `a (>= 1) | b:any, c` gives a, b, c.
 */
export function relationNames(field: string | undefined): readonly string[] {
  if (!field) return [];
  return field
    .split(/[,|]/)
    .map((part) => part.trim().match(/^[a-z0-9][a-z0-9+.-]*/)?.[0] ?? "")
    .filter((name) => name !== "");
}

/** What a package was built from. */
export interface SourcePackage {
  readonly name: string;
  readonly version: string;
}

/** `glibc (2.36-9)`, or `glibc` of the same version; absent: the package's own name. A binary rebuild (`+b1`) has no source. */
export function sourceOf(stanza: Stanza): SourcePackage {
  const [, name, version] = /^(\S+)(?:\s+\(([^)]+)\))?/.exec(stanza.get("source") ?? "") ?? [];
  return {
    name: name ?? stanza.get("package") ?? "",
    version: version ?? (stanza.get("version") ?? "").replace(/\+b\d+$/, ""),
  };
}
