import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, KilnError, toKilnError } from "../../../lib/errors.ts";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import { exec } from "../../../lib/process/exec.ts";
import { pacer } from "../../../lib/time/pace.ts";
import type { LockedPackage } from "../../lock-file.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarTree } from "../../tar/entry.ts";
import { readTar } from "../../tar/tar-reader.ts";
import { parseStanzas, type Stanza } from "./control.ts";
import { debPath } from "./fetch.ts";

/** A package's content, contents as slices of a plain tar in the cache. */
export interface Unpacked {
  readonly name: string;
  readonly control: Stanza;
  /** The other members of the control archive that are text, e.g. `postinst` (deb(5)). */
  readonly members: ReadonlyMap<string, string>;
  readonly tree: TarTree;
}

/** Debian's largest have 10 MB and 4 GB. */
const largestControl = 64 << 20;
const largestData = 16 * 2 ** 30;
/** An archive names the memory that its unpacking takes, up to 4 GiB; Debian's take 64 MiB. */
const mostMemory = 2 ** 30;

/** Unpacks a fetched package once for all builds. Throws `package_corrupt` when the cached file is damaged. */
export async function unpack(
  one: LockedPackage,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  const folder = join(cacheFolder, "unpacked", `${one.sha256}.tars`);
  if (!(await exists(folder))) await unpackInto(folder, one, cacheFolder, signal);
  const [members, tree] = await Promise.all([
    controlMembers(join(folder, "control.tar"), one, signal),
    treeOf(join(folder, "data.tar"), one, signal),
  ]);
  const control = parseStanzas(members.get("control") ?? "")[0];
  if (!control) throw new KilnError("package_corrupt", `${one.name} ${one.version} has no control file.`);
  return { name: one.name, control, members, tree };
}

async function treeOf(path: string, one: LockedPackage, signal: AbortSignal): Promise<TarTree> {
  return readTar({ path, offset: 0, length: (await stat(path)).size }, pacer(signal)).catch((error) => {
    throw corrupt(one, toKilnError(error).message);
  });
}

/** The members of an unpacked control archive that are text. */
export async function controlMembers(
  path: string,
  one: LockedPackage,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  return membersOf(await treeOf(path, one, signal), one);
}

/** Writes a package's control archive as a plain tar. The package may end after it. */
export async function unpackControl(
  deb: string,
  path: string,
  one: LockedPackage,
  signal: AbortSignal,
): Promise<void> {
  await writeTar(["--ctrl-tarfile", deb], { path, limit: largestControl }, one, signal);
}

/** In a temporary folder that is renamed when complete, so that the cache never holds a half one. */
async function unpackInto(
  folder: string,
  one: LockedPackage,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<void> {
  const deb = debPath(cacheFolder, one);
  await checkDigest(deb, one);
  await mkdir(join(cacheFolder, "unpacked"), { recursive: true, mode: 0o700 });
  const temporary = temporaryPath(join(cacheFolder, "temporary"));
  await mkdir(temporary, { mode: 0o700 });
  try {
    await Promise.all([
      unpackControl(deb, join(temporary, "control.tar"), one, signal),
      writeTar(
        ["--fsys-tarfile", deb],
        { path: join(temporary, "data.tar"), limit: largestData },
        one,
        signal,
      ),
    ]);
    await rename(temporary, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** apt has checked the fetched files; this detects later damage to the cache. */
export async function checkDigest(deb: string, one: LockedPackage): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(deb, { highWaterMark: 1 << 20 })) hash.update(chunk);
  if (hash.digest("hex") === one.sha256) return;
  await rm(deb, { force: true });
  throw new KilnError("package_corrupt", `${one.name} ${one.version} was damaged in the cache.`, {
    hint: "Kiln has removed the damaged file: build again to fetch the package again.",
    retry: true,
  });
}

/** A package of a few kilobytes may unpack to terabytes: the kernel ends the writing at the limit (setrlimit(2)). */
async function writeTar(
  args: readonly string[],
  { path, limit }: { readonly path: string; readonly limit: number },
  one: LockedPackage,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    const limits = [`--fsize=${limit}`, `--data=${mostMemory}`];
    await dpkgDeb(["prlimit", ...limits, "dpkg-deb", ...args], one, signal, file.fd);
    if ((await file.stat()).size >= limit) throw corrupt(one, `it unpacks to more than ${limit} bytes`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Packages are unpacked several at a time already, and each thread has memory of its own (dpkg-deb(1)). */
const dpkgEnv = { LC_ALL: "C", DPKG_DEB_THREADS_MAX: "1" };

async function dpkgDeb(
  argv: [string, ...string[]],
  one: LockedPackage,
  signal: AbortSignal,
  output: number,
): Promise<void> {
  const { code, stderr } = await exec(argv, { signal, accept: "any", env: dpkgEnv, output });
  if (code === 0) return;
  if (/No space left/.test(stderr)) {
    throw Object.assign(new Error(stderr.trim()), { code: "ENOSPC" });
  }
  throw corrupt(one, /File too large/.test(stderr) ? "its content is too large" : stderr.trim());
}

function corrupt(one: LockedPackage, why: string): KilnError {
  return new KilnError("package_corrupt", `${one.name} ${one.version} cannot be unpacked: ${why}`, {
    hint: "Remove Kiln's cache folder and build again; if the error stays, the package itself is damaged.",
  });
}

/** Only regular files of the archive: a link could lead to a file of this machine, whose text would get into the image. */
function membersOf(tree: TarTree, one: LockedPackage): ReadonlyMap<string, string> {
  const members = [...tree.values()].filter(({ type }) => type !== "folder");
  const odd = members.find(({ type, path }) => type !== "file" || path.includes("/"));
  if (odd) throw corrupt(one, `its control archive has ${odd.path} as a ${odd.type}; expected files.`);
  return new Map(
    members.flatMap(({ path, content }) =>
      content ? [[path, contentBytes(content, largestControl).toString("utf8")]] : [],
    ),
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}
