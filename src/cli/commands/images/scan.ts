import { resolve } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import type { Severity } from "../../../trust/vulnerabilities/advisory.ts";
import type { DataSource } from "../../../trust/vulnerabilities/database.ts";
import type { Vulnerability } from "../../../trust/vulnerabilities/match.ts";
import type { ImageScan } from "../../../trust/vulnerabilities/scan.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, plural, shortDigest } from "../../output/units.ts";
import { storedImage } from "./stored.ts";

interface ScanOptions {
  readonly fixable?: boolean;
  readonly failOn?: Severity;
}

/** `kiln image scan IMAGE`. Needs neither a controller nor a network. Throws `image_vulnerable` when `--fail-on` says so. */
export async function run(context: Context, options: ScanOptions, name: string): Outcome {
  const [{ scanImage, summaryOfScan }, { isOpen }, image] = await Promise.all([
    import("../../../trust/vulnerabilities/scan.ts"),
    import("../../../trust/vulnerabilities/match.ts"),
    storedImage(context, name),
  ]);
  const scan = await scanImage(context.state, image.digest, context.signal);
  const shown = scan.findings.filter((one) => isOpen(one) && (!options.fixable || one.fixed !== undefined));
  const settled = scan.findings.filter((one) => !isOpen(one));
  const of = `${image.service}:${image.version} (${shortDigest(image.digest)})`;
  const summary = summaryOfScan(scan);
  context.output.result({ ...scan, ...summary, findings: shown, settled }, [
    `${of}: ${summaryWords(summary)} in ${plural(scan.packages, "package")} of Debian ${scan.suite}.`,
    ...findingLines(shown),
    ...(settled.length === 0 ? [] : [`${settled.length} more are settled by VEX; \`--json\` lists them.`]),
    ...dataLines(scan, context.clock.now()),
  ]);
  if (options.failOn !== undefined) await requireNone(shown, scan, options.failOn, of);
  return 0;
}

function summaryWords({
  found,
  fixable,
  worst,
}: {
  found: number;
  fixable: number;
  worst: Severity;
}): string {
  if (found === 0) return "no known vulnerabilities";
  return `${plural(found, "known vulnerability", "known vulnerabilities")}, ${fixable} fixable, worst ${worst}`;
}

function findingLines(findings: readonly Vulnerability[]): readonly string[] {
  if (findings.length === 0) return [];
  const rows = findings.map(({ severity, source, version, fixed, id, summary, vex }) => [
    ...[severity, source, version, fixed ?? "-", id],
    plainText(vex === undefined ? summary : `${vex.status.replaceAll("_", " ")}: ${vex.why}`).slice(0, 60),
  ]);
  return ["", ...table(["SEVERITY", "SOURCE", "VERSION", "FIXED IN", "ID", ""], rows), ""];
}

/** Debian's security team publishes on most days. */
const freshMs = 7 * 86_400_000;

function dataLines({ data, unknown }: ImageScan, nowMs: number): readonly string[] {
  const named = unknown.slice(0, 5).join(", ") + (unknown.length > 5 ? ", ..." : "");
  return [
    `Data: ${data.map((one) => `${plainText(one.name)} (${formatAge(nowMs - one.madeAtMs)} old)`).join(", ")}.`,
    ...(unknown.length === 0
      ? []
      : [`No data covers ${plural(unknown.length, "source package")}: ${named}. ${updateHint}`]),
    ...(isStale(data, nowMs) ? [`The data is older than a week. ${updateHint}`] : []),
  ];
}

const updateHint =
  "`kiln image advisories update` reads the archive; `kiln image advisories import FILE` takes other data.";

function isStale(data: readonly DataSource[], nowMs: number): boolean {
  return data
    .filter(({ name }) => !name.startsWith("vex:"))
    .every(({ madeAtMs }) => nowMs - madeAtMs > freshMs);
}

/** Packages that no data covers could have any vulnerability. */
async function requireNone(
  findings: readonly Vulnerability[],
  { unknown }: ImageScan,
  limit: Severity,
  of: string,
): Promise<void> {
  const { isWorse } = await import("../../../trust/vulnerabilities/advisory.ts");
  const bad = findings.filter(({ severity }) => !isWorse(limit, severity));
  if (bad.length === 0 && unknown.length === 0) return;
  if (bad.length === 0) {
    throw new KilnError("image_vulnerable", `No data covers ${unknown.join(", ")} in ${of}.`, {
      hint: updateHint,
    });
  }
  const some = bad
    .slice(0, 5)
    .map(({ id }) => id)
    .join(", ");
  throw new KilnError(
    "image_vulnerable",
    `${of} has ${plural(bad.length, "vulnerability", "vulnerabilities")} of severity ${limit} or worse: ${some}.`,
    {
      hint: "`kiln build --update` takes the newest packages. A VEX document that you import settles what does not concern the image.",
    },
  );
}

/** `kiln image advisories import FILE...`. */
export async function importFiles(
  context: Context,
  { force = false }: { readonly force?: boolean },
  files: readonly string[],
): Outcome {
  const [{ readDocuments }, { Advisories }] = await Promise.all([
    import("../../../trust/vulnerabilities/documents.ts"),
    import("../../../trust/vulnerabilities/database.ts"),
  ]);
  const imports = await readDocuments(files.map((file) => resolve(context.cwd, file)));
  using advisories = Advisories.open(context.state);
  const done = imports.map((one) => advisories.replace(one, context.clock.now(), { force }));
  context.output.result(done, ["Imported:", ...sourceLines(done, context.clock.now())]);
  return 0;
}

/** `kiln image advisories update`. */
export async function update(context: Context): Outcome {
  const { updateFromArchives } = await import("../../../trust/vulnerabilities/archive.ts");
  const { clock, signal, state, output } = context;
  const done = await updateFromArchives(state, {
    clock,
    signal,
    progress: (text) => output.note(`  ${text}`),
  });
  const lines =
    done.length === 0
      ? ["No image of Debian is in the image store: nothing to ask the archives about."]
      : ["Updated:", ...sourceLines(done, clock.now())];
  output.result(done, lines);
  return 0;
}

/** `kiln image advisories ls`. */
export async function list(context: Context): Outcome {
  const { Advisories } = await import("../../../trust/vulnerabilities/database.ts");
  using advisories = Advisories.read(context.state);
  const sources = advisories?.sources() ?? [];
  const lines =
    sources.length === 0
      ? [`No vulnerability data. ${updateHint}`]
      : sourceLines(sources, context.clock.now());
  context.output.result(sources, lines);
  return 0;
}

function sourceLines(sources: readonly DataSource[], nowMs: number): readonly string[] {
  const rows = sources.map(({ name, suites, entries, madeAtMs, sha256 }) => [
    ...[plainText(name), suites.join(", ") || "-", `${entries}`, formatAge(nowMs - madeAtMs)],
    sha256.slice(0, 12),
  ]);
  return table(["DATA", "SUITES", "ENTRIES", "AGE", "SHA256"], rows);
}
