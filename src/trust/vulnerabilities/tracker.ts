import { z } from "zod";
import { isVersion } from "../../image/packages/debian-version.ts";
import { type Advisory, type Severity, severities, summaryOf } from "./advisory.ts";

const release = z.object({
  status: z.enum(["resolved", "open", "undetermined"]),
  fixed_version: z.string().refine(isVersion, "expected a Debian version").exactOptional(),
  urgency: z.string().exactOptional(),
});

const vulnerability = z.object({
  description: z.string().exactOptional(),
  releases: z.record(z.string().regex(/^[a-z]+$/), release),
});

/** What the tracker says of one source package. */
const trackedPackage = z.record(z.string().regex(/^[A-Z]+-[A-Za-z0-9-]+$/), vulnerability);

/** Whether a document could be the tracker's: a map of packages to maps of vulnerabilities. */
export function isTracker(document: object): boolean {
  const first: unknown = Object.values(document)[0];
  const inner: unknown = typeof first === "object" && first !== null ? Object.values(first)[0] : undefined;
  return typeof inner === "object" && inner !== null && "releases" in inner;
}

/**
 * The advisories of the Debian security tracker's JSON export: package, vulnerability, and the state in each suite
 * (https://security-tracker.debian.org/tracker/data/json). What no one has examined yet (`undetermined`) is left out. `refuse` is called
 * with the place of the first part that does not have this form.
 */
export function* trackerAdvisories(
  document: object,
  refuse: (place: string, error: z.ZodError) => never,
): Generator<Advisory> {
  for (const [source, value] of Object.entries(document)) {
    const parsed = trackedPackage.safeParse(value);
    if (!parsed.success) refuse(source, parsed.error);
    for (const [id, { description = "", releases }] of Object.entries(parsed.data ?? {})) {
      const summary = summaryOf(description);
      for (const [suite, { status, fixed_version: fixed, urgency }] of Object.entries(releases)) {
        if (status === "undetermined") continue;
        const common = { id, source, suite, introduced: "0", severity: severityOf(urgency), summary };
        yield { ...common, fixed: status === "resolved" ? (fixed ?? "0") : undefined };
      }
    }
  }
}

/** A star after some of them marks that they come from the national database. */
function severityOf(urgency = ""): Severity {
  const word = urgency.replace(/\*+$/, "");
  if (word === "unimportant") return "negligible";
  return severities.find((severity) => severity === word) ?? "unknown";
}
