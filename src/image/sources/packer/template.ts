import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";

/** One build of a template. */
export interface TemplateBuild {
  /** As `packer build -only` takes it: `docker.web`, `release.docker.web`, or of a JSON template the name alone. */
  readonly name: string;
  /** Of the builder: `docker`, `amazon-ebs`. */
  readonly type: string;
}

/** What `packer inspect` says of a template. */
export interface Inspected {
  readonly builds: readonly TemplateBuild[];
  /** Names of a JSON template's variables; undefined: Packer itself refuses others. */
  readonly variables: ReadonlySet<string> | undefined;
}

/**
 * Reads the output of `packer inspect -machine-readable`: lines of `time,target,type,data...`, in which commas of the data are
 * `%!(PACKER_COMMA)` and line ends `\n`. Of HCL templates it only has the text for people.
 */
export function inspected(output: string): Inspected {
  const records = output.split("\n").map((line) => line.split(","));
  const text = records
    .filter(([, , type]) => type === "ui")
    .map(([, , , , ...words]) => plain(words.join(",")))
    .join("\n");
  if (!/^Packer Inspect: JSON mode/m.test(text)) return { builds: sourcesIn(text), variables: undefined };
  const data = (wanted: string) =>
    records.flatMap(([, , type, ...rest]) => (type === wanted ? [rest.map(plain)] : []));
  return {
    builds: data("template-builder").map(([name = "", type = ""]) => ({ name, type })),
    variables: new Set(data("template-variable").map(([name = ""]) => name)),
  };
}

function plain(text: string): string {
  return text.replaceAll("%!(PACKER_COMMA)", ",").replaceAll("\\n", "\n").replaceAll("\\r", "");
}

/** `> NAME:` and, below `sources:`, a line for each source, `TYPE.NAME`. */
function sourcesIn(text: string): readonly TemplateBuild[] {
  const builds: TemplateBuild[] = [];
  let block = "";
  let isInSources = false;
  for (const line of text
    .slice(text.indexOf("> builds:"))
    .split("\n")
    .map((one) => one.trim())) {
    const [, name] = /^> (.*):$/.exec(line) ?? [];
    if (name !== undefined) block = name.startsWith("<") ? "" : `${name}.`;
    if (/^[a-z-]+:$/.test(line)) isInSources = line === "sources:";
    const [, type] = /^([a-z0-9-]+)\.\S+$/.exec(line) ?? [];
    if (isInSources && type !== undefined) builds.push({ name: `${block}${line}`, type });
  }
  return builds;
}

/** The build that `#BUILD` names, by its whole name or the end of it; without, the only one that Kiln can take. Throws `packer_invalid`. */
export function chooseBuild(
  path: string,
  builds: readonly TemplateBuild[],
  wanted: string | undefined,
): TemplateBuild {
  const named = builds.filter(
    ({ name }) => wanted === undefined || name === wanted || name.endsWith(`.${wanted}`),
  );
  const usable = named.filter(({ type }) => type === "docker");
  const [only, ...others] = wanted === undefined ? usable : named;
  const names = (of: readonly TemplateBuild[]) => of.map(({ name }) => name).join(", ");
  if (only === undefined && named.length > 0) throw notTaken(path, named);
  if (only === undefined) {
    const near = nearest(
      wanted ?? "",
      builds.map(({ name }) => name),
    );
    const hint = near === undefined ? `It has: ${names(builds)}.` : `Did you mean ${near}?`;
    throw new KilnError(
      "packer_invalid",
      `${path} has no build${wanted === undefined ? "" : ` ${wanted}`}.`,
      {
        ...(builds.length === 0
          ? { hint: "A template needs a `build` block with a source, or `builders`." }
          : { hint }),
      },
    );
  }
  if (others.length > 0) {
    throw new KilnError("packer_invalid", `${path} has several builds; expected a choice of one.`, {
      hint: `Write \`packer:PATH#BUILD\` with one of: ${names([only, ...others])}.`,
    });
  }
  if (only.type !== "docker") throw notTaken(path, [only]);
  return only;
}

const clouds =
  /^(alicloud|amazon|azure|cloudstack|digitalocean|googlecompute|hcloud|hyperone|linode|oneandone|openstack|oracle|osc|profitbricks|scaleway|tencentcloud|triton|ucloud|yandex)/;

function notTaken(path: string, builds: readonly TemplateBuild[]): KilnError {
  const types = [...new Set(builds.map(({ type }) => type))];
  const disk = types.some((type) => clouds.test(type))
    ? "`kiln image disk` then writes the image as a disk for the cloud"
    : "`kiln image disk` then writes the image as a disk that boots";
  return new KilnError(
    "packer_invalid",
    `${path}: Kiln takes builds of the builder \`docker\`; ${builds.map(({ name }) => name).join(", ")} uses ${types.join(", ")}.`,
    {
      hint: `Add a source of the type docker with \`commit = true\` to the same build, so that the same provisioners run; ${disk}.`,
    },
  );
}

/** Where Packer has found a fault: `on FILE line N`, or in JSON `At line N, column M`. */
export function faultPlace(output: string, template: string): string | undefined {
  const [, file, line] = /^ {2}on (\S+) line (\d+)/m.exec(output) ?? [];
  if (file !== undefined) return `${file}:${line}`;
  const [, row, column] = /^At line (\d+), column (\d+)/m.exec(output) ?? [];
  return row === undefined ? undefined : `${template}:${row}:${column}`;
}

/**
 * An HCL template without its blocks `required_plugins`, which a Packer that has its builders built in refuses: blanks are in their
 * place, so that the places in messages stay.
 */
export function withoutRequiredPlugins(text: string): string {
  const [found] = /\brequired_plugins\s*\{/.exec(text) ?? [];
  if (found === undefined) return text;
  const start = text.indexOf(found);
  let end = start + found.length;
  // The next quoted text, comment or brace: a brace in the first two is none.
  const next = /"(?:[^"\\]|\\.)*"|(?:#|\/\/).*|\/\*[\s\S]*?\*\/|[{}]/g;
  next.lastIndex = end;
  for (let depth = 1; depth > 0; ) {
    const match = next.exec(text);
    if (match === null) return text;
    if (match[0] === "{") depth++;
    if (match[0] === "}") depth--;
    end = next.lastIndex;
  }
  const blank = text.slice(start, end).replace(/[^\n]/g, " ");
  return withoutRequiredPlugins(text.slice(0, start) + blank + text.slice(end));
}
