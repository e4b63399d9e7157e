import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import type { LockedPackage } from "../../lock-file.ts";
import { findSources } from "./apt.ts";
import { debPath, type FetchRequest, fetchPackages, uriOf } from "./fetch.ts";
import { archives, type PackageSource } from "./sources.ts";
import { controlMembers, unpackControl } from "./unpack.ts";

/**
 * The text members of a package's control archive, such as `postinst`, without the package's files: of an archive on http, only the beginning
 * of the package is fetched. What is read so has not been checked against the package's digest: use it to tell, not to build. An archive that
 * cannot be read so gives the whole package, by apt. Throws `package_gone`, `package_corrupt` and `apt_failed`.
 */
export async function readControl(
  one: LockedPackage,
  request: FetchRequest,
): Promise<ReadonlyMap<string, string>> {
  const kept = join(request.cacheFolder, "control", `${one.sha256}.tar`);
  if (!(await exists(kept))) await keepControl(one, kept, request);
  return controlMembers(kept, one, request.signal);
}

async function keepControl(one: LockedPackage, kept: string, request: FetchRequest): Promise<void> {
  await mkdir(join(request.cacheFolder, "control"), { recursive: true, mode: 0o700 });
  const temporary = temporaryPath(join(request.cacheFolder, "temporary"));
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  try {
    const deb = join(temporary, "begin.deb");
    const begin = await beginningOf(one, request);
    if (begin) await writeFile(deb, begin, { mode: 0o600 });
    else await fetchPackages([one], request);
    const tar = join(temporary, "control.tar");
    await unpackControl(begin ? deb : debPath(request.cacheFolder, one), tar, one, request.signal);
    await rename(tar, kept);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Most control archives have 1 to 30 kB; that of a package with many files has a long `md5sums`. */
const firstBytes = 64 << 10;
const mostBytes = 16 << 20;
const patienceMs = 30_000;

/** The package's bytes up to the end of its control archive; undefined when they cannot be had without the rest. */
async function beginningOf(one: LockedPackage, request: FetchRequest): Promise<Buffer | undefined> {
  const whole = debPath(request.cacheFolder, one);
  if (await exists(whole)) return undefined;
  const uri = uriOf(one, archives(await sourcesOf(request)), 0);
  if (uri === undefined || !/^https?:/.test(uri)) return undefined;
  const first = await range(uri, Math.min(firstBytes, one.size), request.signal);
  const end = first && controlEnd(first);
  if (first === undefined || end === undefined || end > Math.min(mostBytes, one.size)) return undefined;
  return end <= first.length ? first : range(uri, end, request.signal);
}

const known = new WeakMap<FetchRequest, Promise<readonly PackageSource[]>>();

/** The same for all packages of a request. */
function sourcesOf(request: FetchRequest): Promise<readonly PackageSource[]> {
  const found = known.get(request) ?? findSources(request.sources, request.suite, request.signal);
  known.set(request, found);
  return found;
}

/** Undefined when the archive does not answer with exactly this part. */
async function range(uri: string, bytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const until = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  try {
    const answer = await fetch(uri, { headers: { range: `bytes=0-${bytes - 1}` }, signal: until });
    if (answer.status === 206) {
      const body = Buffer.from(await answer.arrayBuffer());
      if (body.length === bytes) return body;
    }
    await answer.body?.cancel();
  } catch {
    signal.throwIfAborted(); // apt may know a way: a proxy, a name and a password, another archive
  }
  return undefined;
}

const magic = "!<arch>\n";
const headerBytes = 60;

/** Where the second member of an ar archive (ar(5), deb(5)) ends, which is the control archive; undefined: this is not a package. */
export function controlEnd(begin: Buffer): number | undefined {
  if (begin.toString("latin1", 0, magic.length) !== magic) return undefined;
  const first = memberEnd(begin, magic.length);
  return first === undefined ? undefined : memberEnd(begin, first);
}

function memberEnd(bytes: Buffer, at: number): number | undefined {
  if (at + headerBytes > bytes.length) return undefined;
  const size = Number(bytes.toString("latin1", at + 48, at + 58));
  return Number.isSafeInteger(size) && size >= 0 ? at + headerBytes + size + (size % 2) : undefined;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
