import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/exec.ts";
import { pacer } from "../../lib/pace.ts";
import { temporaryPath } from "../../lib/temporary.ts";
import type { Tree } from "../entry.ts";
import { readTar } from "../tar-reader.ts";
import { parseStanzas, type Stanza } from "./control.ts";
import { debPath } from "./fetch.ts";
import type { LockedPackage } from "./lock-file.ts";

/** A package's content, contents as slices of a plain tar in the cache. */
export interface Unpacked {
  readonly name: string;
  readonly control: Stanza;
  /** The other members of the control archive that are text, e.g. `postinst` (deb(5)). */
  readonly members: ReadonlyMap<string, string>;
  readonly tree: Tree;
}

/** Unpacks a fetched package once for all builds. Throws `package_corrupt` when the cached file is damaged. */
export async function unpack(
  one: LockedPackage,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  const folder = join(cacheFolder, "unpacked", one.sha256);
  if (!(await exists(folder))) await unpackInto(folder, one, cacheFolder, signal);
  const data = join(folder, "data.tar");
  const [members, tree] = await Promise.all([
    readMembers(join(folder, "control")),
    stat(data).then(({ size }) => readTar({ path: data, offset: 0, length: size }, pacer(signal))),
  ]);
  const control = parseStanzas(members.get("control") ?? "")[0];
  if (!control) throw new KilnError("package_corrupt", `${one.name} ${one.version} has no control file.`);
  return { name: one.name, control, members, tree };
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
      dpkgDeb(["--control", deb, join(temporary, "control")], one, signal),
      dataTar(deb, join(temporary, "data.tar"), one, signal),
    ]);
    await rename(temporary, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** apt has checked what it fetched; this finds what has happened to the cache since. */
async function checkDigest(deb: string, one: LockedPackage): Promise<void> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(deb, { highWaterMark: 1 << 20 })) hash.update(chunk);
  if (hash.digest("hex") === one.sha256) return;
  await rm(deb, { force: true });
  throw new KilnError("package_corrupt", `${one.name} ${one.version} was damaged in the cache.`, {
    hint: "It has been removed: build again to fetch it anew.",
    retry: true,
  });
}

async function dataTar(deb: string, path: string, one: LockedPackage, signal: AbortSignal): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await dpkgDeb(["--fsys-tarfile", deb], one, signal, file.fd);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function dpkgDeb(
  args: readonly string[],
  one: LockedPackage,
  signal: AbortSignal,
  output?: number,
): Promise<void> {
  const options = {
    signal,
    accept: "any",
    env: { LC_ALL: "C" },
    ...(output === undefined ? {} : { output }),
  } as const;
  const { code, stderr } = await exec(["dpkg-deb", ...args], options);
  if (code === 0) return;
  if (/No space left/.test(stderr)) {
    throw Object.assign(new Error(stderr.trim()), { code: "ENOSPC" });
  }
  throw new KilnError("package_corrupt", `${one.name} ${one.version} cannot be unpacked: ${stderr.trim()}`, {
    hint: "Remove Kiln's cache folder and build again.",
  });
}

async function readMembers(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(
      names.map(
        async (name): Promise<[string, string]> => [name, await readFile(join(folder, name), "utf8")],
      ),
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
