import { compareVersions } from "../../image/packages/debian-version.ts";
import { suiteOfVersion } from "../../image/sources/debian.ts";
import { KilnError } from "../../lib/errors.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { type Contents, contentsOf } from "../sbom/contents.ts";
import { type Severity, worstOf } from "./advisory.ts";
import { Advisories, type DataSource } from "./database.ts";
import { isOpen, match, type Vulnerability } from "./match.ts";

/** What is known of an image's vulnerabilities. */
export interface ImageScan {
  readonly digest: string;
  readonly suite: string;
  readonly packages: number;
  readonly findings: readonly Vulnerability[];
  /** Source packages that no data covers. */
  readonly unknown: readonly string[];
  /** The data that covers the image's suite, and the VEX documents. */
  readonly data: readonly DataSource[];
}

/** A scan in numbers. */
export interface ScanSummary {
  /** Without those that a VEX statement settles. */
  readonly found: number;
  readonly fixable: number;
  readonly worst: Severity;
  /** Of the newest data that covers the suite. */
  readonly dataAtMs: number;
}

/**
 * Compares an image's packages with the imported data, without a network. Throws `image_unscannable` for an image that is not Debian's,
 * and `advisories_missing` when no data covers its suite: neither means that it has no vulnerabilities.
 */
export async function scanImage(state: StateFolder, digest: string, signal: AbortSignal): Promise<ImageScan> {
  return scanContents(state, await contentsOf(state, digest, signal));
}

export function scanContents(state: StateFolder, { digest, system, packages }: Contents): ImageScan {
  const suite = suiteOf(system);
  if (suite === undefined || packages.length === 0) throw unscannable(digest, system?.id);
  using advisories = Advisories.read(state);
  const sources = advisories?.sources() ?? [];
  const data = sources.filter(({ name, suites }) => name.startsWith("vex:") || suites.includes(suite));
  if (advisories === undefined || data.every(isVexDocument)) throw missing(suite);
  const findings = match(packages, (source) => advisories.about(suite, source), {
    image: digest,
    statements: advisories.statements(),
  });
  const unknown = uncovered(packages, data);
  return { digest, suite, packages: packages.length, findings, unknown, data };
}

function uncovered(packages: Contents["packages"], data: readonly DataSource[]): readonly string[] {
  const sources = data.filter((one) => !isVexDocument(one));
  const isCovered = ({ source: { name, version } }: Contents["packages"][number]) =>
    sources.some(({ covers }) => {
      if (covers === undefined) return true;
      const from = Object.hasOwn(covers, name) ? covers[name] : undefined;
      return from !== undefined && compareVersions(version, from) >= 0;
    });
  return [...new Set(packages.filter((one) => !isCovered(one)).map(({ source }) => source.name))].sort();
}

/** Debian's name of the suite that an image was made of; undefined for other systems. */
export function suiteOf(system: Contents["system"]): string | undefined {
  if (system?.id !== "debian") return undefined;
  return system.codename ?? suiteOfVersion(system.version ?? "");
}

export function summaryOfScan({ findings, data }: Pick<ImageScan, "findings" | "data">): ScanSummary {
  const open = findings.filter(isOpen);
  return {
    found: open.length,
    fixable: open.filter(({ fixed }) => fixed !== undefined).length,
    worst: worstOf(open.map(({ severity }) => severity)),
    dataAtMs: data
      .filter((one) => !isVexDocument(one))
      .reduce((newest, { madeAtMs }) => Math.max(newest, madeAtMs), 0),
  };
}

function isVexDocument({ name }: DataSource): boolean {
  return name.startsWith("vex:");
}

function unscannable(digest: string, system: string | undefined): KilnError {
  const what =
    system === undefined || system === "debian"
      ? "has no database of Debian packages"
      : `is ${system}, not Debian`;
  return new KilnError(
    "image_unscannable",
    `Nothing is known of the vulnerabilities of ${digest}: it ${what}.`,
    {
      hint: "Kiln looks packages of Debian up. `kiln image sbom` writes a list of what is in the image for other scanners.",
    },
  );
}

function missing(suite: string): KilnError {
  return new KilnError("advisories_missing", `There is no vulnerability data for Debian ${suite}.`, {
    hint: "`kiln image advisories update` reads the suite's newer packages; `kiln image advisories import FILE` takes the Debian security tracker's JSON or OSV records.",
  });
}
