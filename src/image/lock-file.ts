import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { z } from "zod";
import { isErrno, KilnError, type Place } from "../lib/errors.ts";
import { writeFileAtomic } from "../lib/files/files.ts";
import { readInside } from "../lib/files/read-inside.ts";

/** What a lock may hold of one package. */
export const lockedPackage = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/),
  version: z.string().regex(/^[A-Za-z0-9.+:~-]+$/),
  architecture: z.string().regex(/^[a-z0-9-]+$/),
  size: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Path below the archive's root, without `..`: it is joined to a URI. */
  path: z.string().regex(/^(?!\/)(?!(.*\/)?\.\.(\/|$))[A-Za-z0-9+.:~_/-]+\.deb$/),
  suite: z.string().regex(/^[A-Za-z0-9./_-]+$/),
});

const lockSection = z.strictObject({
  suite: z.string(),
  architecture: z.string(),
  /** Absent: slim. */
  engine: z.literal("full").exactOptional(),
  requested: z.array(z.string()),
  packages: z.array(lockedPackage).min(1),
});

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const lockedBuild = z.strictObject({ inputs: z.string().regex(/^[0-9a-f]{64}$/), image: digest });

const lockFile = z.strictObject({
  version: z.literal(1),
  /** The digest that each reference of `image.from` named when it was locked. */
  bases: z.record(z.string(), digest).exactOptional(),
  /** What templates of others built, and from which inputs. */
  builds: z.record(z.string(), lockedBuild).exactOptional(),
  services: z.record(z.string(), lockSection),
});

/** One package, pinned. */
export type LockedPackage = Readonly<z.infer<typeof lockedPackage>>;
/** What one service's image is made from. */
export type LockSection = Readonly<z.infer<typeof lockSection>>;
/** The digest of what was built, and 64 hex digits over what it was built from. */
export type LockedBuild = Readonly<z.infer<typeof lockedBuild>>;
type LockFile = Readonly<z.infer<typeof lockFile>>;

const invalidHint = "Restore kiln.lock from version control, or remove it to make a new one.";

/** This service's section of a `kiln.lock`, or undefined. Throws `lock_invalid` with the place. */
export async function readLockSection(path: string, service: string): Promise<LockSection | undefined> {
  const { services } = await readLock(path);
  return Object.hasOwn(services, service) ? services[service] : undefined; // a service may be called `constructor`
}

async function readLock(path: string): Promise<LockFile> {
  const text = await readLockText(path);
  return text === undefined ? { version: 1, services: {} } : parseLock(text, path);
}

/** Ten thousand packages need a third of it. */
const largestLockBytes = 8 << 20;

async function readLockText(path: string): Promise<string | undefined> {
  try {
    const bytes = await readInside(dirname(path), path, largestLockBytes);
    if (bytes.length <= largestLockBytes) return bytes.toString();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  throw new KilnError("lock_invalid", `${path} is larger than ${largestLockBytes} bytes.`, {
    hint: invalidHint,
  });
}

/** A lock file's content. Throws `lock_invalid` with line and column of everything that is wrong. */
export async function parseLock(text: string, file: string): Promise<LockFile> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const conflict = text.search(/^<<<<<<< /m);
    if (conflict >= 0) {
      const line = text.slice(0, conflict).split("\n").length;
      throw invalid([
        { place: { file, line, column: 1 }, message: "It holds an unresolved merge conflict." },
      ]);
    }
    const placeOf = await places(text, file);
    throw invalid([{ place: placeOf([]), message: "This is not JSON." }], error);
  }
  const parsed = checkLock(value, file);
  if (parsed.success) return parsed.data;
  const placeOf = await places(text, file);
  throw invalid(
    parsed.error.issues.slice(0, 10).map((issue) => ({
      place: placeOf(issue.path),
      message: `${issue.path.join(".") || "The file"}: ${issue.message}`,
    })),
  );
}

/** A hundred thousand mistakes are more than zod can list. */
function checkLock(value: unknown, file: string) {
  try {
    return lockFile.safeParse(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid([{ place: { file }, message: "It is not what Kiln writes there." }], error);
  }
}

function invalid(problems: readonly { place: Place; message: string }[], cause?: unknown): KilnError {
  const first = problems[0];
  const where = first ? `${first.place.file}:${first.place.line ?? 1}` : "kiln.lock";
  return new KilnError("lock_invalid", `The lock file is damaged at ${where}: ${first?.message ?? ""}`, {
    hint: invalidHint,
    problems,
    cause,
  });
}

/** Larger ones are not looked through for a place: the parser's time grows faster than the text. */
const largestPlaced = 256 << 10;

/** JSON is YAML, and the yaml parser knows places; it is loaded only when something is wrong. */
async function places(text: string, file: string): Promise<(path: readonly PropertyKey[]) => Place> {
  if (text.length > largestPlaced) return () => ({ file });
  const { LineCounter, parseDocument, isNode } = await import("yaml");
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "silent", uniqueKeys: false });
  const broken = document.errors[0]?.pos[0];
  return (path) => {
    for (let length = path.length; length >= 0 && broken === undefined; length--) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return at(file, lines.linePos(node.range[0]));
    }
    return at(file, lines.linePos(broken ?? 0));
  };
}

function at(file: string, position: { line: number; col: number }): Place {
  return { file, line: position.line, column: position.col };
}

/** One base, build or package a line, names sorted: a change of one of them is a change of one line. */
export function formatLock({ bases = {}, builds = {}, services }: LockFile): string {
  const lines = (members: Readonly<Record<string, unknown>>) =>
    byName(members).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const [pinned, built] = [lines(bases), lines(builds)];
  const sections = byName(services).map(
    ([name, section]) => `    ${JSON.stringify(name)}: ${formatSection(section)}`,
  );
  const members = [
    '  "version": 1',
    ...(pinned.length === 0 ? [] : [`  "bases": ${block(pinned)}`]),
    ...(built.length === 0 ? [] : [`  "builds": ${block(built)}`]),
    `  "services": ${block(sections)}`,
  ];
  return `{\n${members.join(",\n")}\n}\n`;
}

function byName<T>(members: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1));
}

function block(lines: readonly string[]): string {
  return lines.length === 0 ? "{}" : `{\n${lines.join(",\n")}\n  }`;
}

function formatSection(section: LockSection): string {
  const { packages, ...head } = section;
  const fields = Object.entries(head).map(([name, value]) => `      "${name}": ${JSON.stringify(value)}`);
  const lines = packages.map((one) => `        ${JSON.stringify(one)}`);
  return `{\n${fields.join(",\n")},\n      "packages": [\n${lines.join(",\n")}\n      ]\n    }`;
}

/** Replaces one service's section; the others stay as they are. Only one writer at a time: the caller sees to that. */
export async function writeLockSection(path: string, service: string, section: LockSection): Promise<void> {
  const lock = await readLock(path);
  await write(path, { ...lock, services: { ...lock.services, [service]: section } });
}

/** The digest that a reference of `image.from` is pinned to, or undefined. Throws `lock_invalid` with the place. */
export async function readLockedBase(path: string, reference: string): Promise<string | undefined> {
  const { bases = {} } = await readLock(path);
  return Object.hasOwn(bases, reference) ? bases[reference] : undefined;
}

/** Pins a reference; the rest stays as it is. Only one writer at a time: the caller sees to that. */
export async function writeLockedBase(path: string, reference: string, base: string): Promise<void> {
  const lock = await readLock(path);
  await write(path, { ...lock, bases: { ...lock.bases, [reference]: base } });
}

/** What a template was pinned to, or undefined. Throws `lock_invalid` with the place. */
export async function readLockedBuild(path: string, name: string): Promise<LockedBuild | undefined> {
  const { builds = {} } = await readLock(path);
  return Object.hasOwn(builds, name) ? builds[name] : undefined;
}

/** Pins what a template has built; the rest stays as it is. Only one writer at a time: the caller sees to that. */
export async function writeLockedBuild(path: string, name: string, built: LockedBuild): Promise<void> {
  const lock = await readLock(path);
  await write(path, { ...lock, builds: { ...lock.builds, [name]: built } });
}

async function write(path: string, lock: LockFile): Promise<void> {
  await writeFileAtomic(path, formatLock(lock), { mode: 0o644 });
}

/** Throws `lock_stale` when the spec asks for something else than what was locked. */
export function checkUpToDate(
  section: LockSection,
  wanted: {
    readonly suite: string;
    readonly architecture: string;
    readonly engine: "slim" | "full";
    readonly requested: readonly string[];
  },
  service: string,
): void {
  const engine = section.engine ?? "slim";
  const differences = [
    ...(section.suite === wanted.suite ? [] : [`suite ${section.suite} became ${wanted.suite}`]),
    ...(section.architecture === wanted.architecture
      ? []
      : [`architecture ${section.architecture} became ${wanted.architecture}`]),
    ...(engine === wanted.engine ? [] : [`engine ${engine} became ${wanted.engine}`]),
    ...wanted.requested
      .filter((name) => !section.requested.includes(name))
      .map((name) => `${name} was added`),
    ...section.requested
      .filter((name) => !wanted.requested.includes(name))
      .map((name) => `${name} was removed`),
  ];
  if (differences.length === 0) return;
  throw new KilnError("lock_stale", `kiln.lock is out of date for ${service}: ${differences.join(", ")}.`, {
    hint: "`kiln build --update` resolves the packages again and rewrites the lock.",
  });
}

/** 64 hex digits over the locked set and whatever else decides the layer's content. */
export function lockDigest(section: LockSection, ...rest: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify([section.suite, section.architecture, section.requested, section.packages, rest]))
    .digest("hex");
}
