import { z } from "zod";
import { isVersion } from "../../image/packages/debian-version.ts";
import { suiteOfVersion } from "../../image/sources/debian.ts";
import { type Advisory, type Severity, severities, summaryOf, worstOf } from "./advisory.ts";
import { severityOfVector } from "./cvss.ts";

const version = z.string().refine(isVersion, "expected a Debian version");
const event = z.object({ introduced: version.exactOptional(), fixed: version.exactOptional() });
const range = z.object({ type: z.string(), events: z.array(event) });

/** A record in the Open Source Vulnerability format (https://ossf.github.io/osv-schema/), as far as it is used. */
const record = z.object({
  id: z.string().regex(/^[A-Za-z0-9-]+$/),
  modified: z.iso.datetime({ offset: true }),
  withdrawn: z.string().exactOptional(),
  aliases: z.array(z.string()).nullish(),
  upstream: z.array(z.string()).nullish(),
  summary: z.string().exactOptional(),
  details: z.string().exactOptional(),
  severity: z.array(z.object({ type: z.string(), score: z.string() })).nullish(),
  affected: z
    .array(
      z.object({
        package: z.object({ ecosystem: z.string(), name: z.string() }).exactOptional(),
        ranges: z.array(range).nullish(),
        ecosystem_specific: z.object({ urgency: z.string().exactOptional() }).nullish(),
      }),
    )
    .nullish(),
});

type OsvRecord = z.infer<typeof record>;

export function isOsv(document: object): boolean {
  return "id" in document && "modified" in document;
}

/** What a record says of Debian's packages, and when it was last changed. Calls `refuse` when it does not have this form. */
export function osvAdvisories(
  document: unknown,
  refuse: (place: string, error: z.ZodError) => never,
): { readonly modifiedAtMs: number; readonly advisories: readonly Advisory[] } {
  const parsed = record.safeParse(document);
  if (!parsed.success) return refuse(nameOf(document), parsed.error);
  const { data } = parsed;
  const modifiedAtMs = Date.parse(data.modified);
  if (data.withdrawn !== undefined) return { modifiedAtMs, advisories: [] };
  const ids = vulnerabilitiesOf(data);
  return { modifiedAtMs, advisories: ids.flatMap((id) => [...ofRecord(id, data)]) };
}

function nameOf(document: unknown): string {
  const id: unknown = typeof document === "object" && document !== null && "id" in document && document.id;
  return typeof id === "string" ? summaryOf(id) : "a record without an id";
}

/** Debian's own records (`DEBIAN-CVE-…`, `DSA-…`) name the vulnerabilities that they are about. */
function vulnerabilitiesOf({ id, aliases, upstream }: OsvRecord): readonly string[] {
  const named = [id, ...(aliases ?? []), ...(upstream ?? [])].filter((one) => /^CVE-\d+-\d+$/.test(one));
  return named.length > 0 ? [...new Set(named)] : [id];
}

function* ofRecord(id: string, { affected, severity, summary, details }: OsvRecord): Generator<Advisory> {
  const rated = worstOf((severity ?? []).map(({ score }) => severityOfVector(score)));
  const words = summaryOf(summary ?? details ?? "");
  for (const { package: of, ranges, ecosystem_specific: specific } of affected ?? []) {
    const [ecosystem, number = ""] = of?.ecosystem.split(":") ?? [];
    const suite = suiteOfVersion(number);
    if (ecosystem !== "Debian" || of === undefined || suite === undefined) continue;
    const common = {
      id,
      source: of.name,
      suite,
      severity: severityOf(specific?.urgency, rated),
      summary: words,
    };
    for (const { type, events } of ranges ?? []) {
      if (type === "ECOSYSTEM") for (const bounds of boundsIn(events)) yield { ...common, ...bounds };
    }
  }
}

/** Each `introduced` opens a range, which the next `fixed` closes. */
function boundsIn(
  events: readonly z.infer<typeof event>[],
): readonly Pick<Advisory, "introduced" | "fixed">[] {
  const found: { introduced: string; fixed: string | undefined }[] = [];
  for (const { introduced, fixed } of events) {
    if (introduced !== undefined) found.push({ introduced, fixed: undefined });
    const last = found.at(-1);
    if (fixed !== undefined && last !== undefined) last.fixed = fixed;
  }
  return found;
}

function severityOf(urgency: string | undefined, rated: Severity): Severity {
  if (urgency === "unimportant") return "negligible";
  return severities.find((severity) => severity === urgency) ?? rated;
}
