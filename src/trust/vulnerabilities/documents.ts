import { readdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ZodError } from "zod";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import type { Advisory } from "./advisory.ts";
import { isOsv, osvAdvisories } from "./osv.ts";
import { isTracker, trackerAdvisories } from "./tracker.ts";
import { isVex, type VexStatement, vexDocument, vexStatements } from "./vex.ts";

/** The content of files with one kind of data. */
export interface Import {
  /** `debian-tracker`, `osv`, or `vex:` and the id of the document. What is imported under a name replaces what was there under it. */
  readonly name: string;
  /** When the data was made, as far as that is known: OSV's newest record, the time of the tracker's file. */
  readonly madeAtMs: number;
  readonly sha256: string;
  /** The suites that it knows. */
  readonly suites: readonly string[];
  /** The source packages that it knows, with the oldest version of each that it was asked about; undefined: all. */
  readonly covers: Readonly<Record<string, string>> | undefined;
  readonly advisories: readonly Advisory[];
  readonly statements: readonly VexStatement[];
}

/** The tracker's export has 70 MB; a string of Node.js cannot have more than 512 MiB. */
const largestBytes = 256 << 20;
const tooLarge = `it is larger than ${largestBytes >> 20} MiB`;

/**
 * Reads files and folders of `.json` files: the Debian tracker's export, OSV records, OpenVEX documents. A file may be compressed with
 * gzip. Throws `file_missing`, and `advisories_invalid` with the place of the first part that has none of these forms: a file that is
 * wrong in one place is not to be trusted in the others.
 */
export async function readDocuments(paths: readonly string[]): Promise<readonly Import[]> {
  const found = new Map<string, Import>();
  for (const path of paths.flatMap(filesAt)) {
    const one = await readDocument(path);
    const before = found.get(one.name);
    found.set(one.name, before === undefined ? one : joined(before, one));
  }
  return [...found.values()];
}

function filesAt(path: string): readonly string[] {
  try {
    const stat = statSync(path);
    if (stat.isFile() && stat.size > largestBytes) throw invalid(path, tooLarge);
    if (stat.isFile()) return [path];
    if (!stat.isDirectory()) throw invalid(path, "it is not a file");
    const names = readdirSync(path).filter((name) => /\.json(\.gz)?$/.test(name));
    if (names.length === 0) throw invalid(path, "it has no .json file");
    return names.sort().map((name) => join(path, name));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new KilnError("file_missing", `There is no file ${path}.`);
  }
}

function joined(one: Import, other: Import): Import {
  return {
    name: one.name,
    madeAtMs: Math.max(one.madeAtMs, other.madeAtMs),
    suites: [...new Set([...one.suites, ...other.suites])].sort(),
    covers: undefined,
    sha256: sha256(one.sha256 + other.sha256),
    advisories: one.advisories.concat(other.advisories),
    statements: one.statements.concat(other.statements),
  };
}

async function readDocument(path: string): Promise<Import> {
  const bytes = await bytesOf(path);
  const common = { sha256: sha256(bytes), suites: [], covers: undefined, advisories: [], statements: [] };
  const refuse = (place: string, error: ZodError): never => {
    const { path: inside = [], message = "" } = error.issues[0] ?? {};
    throw invalid(path, `${[place, ...inside].join(", ")}: ${message}`);
  };
  const document = parsed(bytes, path);
  if (Array.isArray(document) || isOsv(document)) {
    const records = [document].flat().map((one) => osvAdvisories(one, refuse));
    const advisories = records.flatMap((one) => one.advisories);
    const madeAtMs = records.reduce((newest, { modifiedAtMs }) => Math.max(newest, modifiedAtMs), 0);
    return { ...common, name: "osv", madeAtMs, suites: suitesOf(advisories), advisories };
  }
  if (isVex(document)) {
    const checked = vexDocument.safeParse(document);
    if (!checked.success) return refuse("the document", checked.error);
    const { "@id": id, timestamp } = checked.data;
    const statements = vexStatements(checked.data);
    return { ...common, name: `vex:${id}`, madeAtMs: Date.parse(timestamp), statements };
  }
  if (!isTracker(document)) throw invalid(path, "it is none of them");
  const advisories = [...trackerAdvisories(document, refuse)];
  return {
    ...common,
    name: "debian-tracker",
    madeAtMs: statSync(path).mtimeMs,
    suites: suitesOf(advisories),
    advisories,
  };
}

function suitesOf(advisories: readonly Advisory[]): readonly string[] {
  return [...new Set(advisories.map(({ suite }) => suite))].sort();
}

async function bytesOf(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  if (!path.endsWith(".gz")) return bytes;
  const { gunzipSync } = await import("node:zlib");
  try {
    return gunzipSync(bytes, { maxOutputLength: largestBytes });
  } catch (error) {
    throw invalid(path, isErrno(error, "ERR_BUFFER_TOO_LARGE") ? tooLarge : "its compressed data is damaged");
  }
}

function parsed(bytes: Buffer, path: string): object {
  try {
    const document: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof document === "object" && document !== null) return document;
  } catch {
    // What it is instead does not matter: an answer of a proxy, half a download.
    throw invalid(path, "it is not JSON, or not all of it");
  }
  throw invalid(path, "it is none of them");
}

function invalid(path: string, why: string): KilnError {
  return new KilnError("advisories_invalid", `${path} cannot be used: ${why}. Nothing was imported.`, {
    hint: "Expected the JSON of the Debian security tracker, OSV records for Debian, or an OpenVEX document. Fetch the file again, and compare its digest with the source's.",
  });
}
