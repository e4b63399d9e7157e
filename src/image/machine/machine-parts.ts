import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import {
  type LockedPackage,
  type LockSection,
  lockDigest,
  readLockSection,
  writeLockSection,
} from "../lock-file.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";
import { compileInit } from "./compile-init.ts";
import { cpioArchive } from "./cpio.ts";
import { type KernelModule, modulesInOrder } from "./modules.ts";

/** What every virtual machine of this installation starts: absolute paths, and the digests (`sha256:…`) of what they hold. */
export interface GuestParts {
  readonly kernel: { readonly file: string; readonly sha256: string };
  readonly initrd: { readonly file: string; readonly sha256: string };
}

/** Debian's kernel for machines of clouds has what QEMU offers; bookworm's starts in less time than its successor's. */
const suite = "bookworm";
const requested = ["linux-image-cloud-amd64", "musl-dev", "tcc"];
/** Of all that comes with a kernel, its own package alone is used. */
const needed = /^(linux-image-\d.*-cloud-amd64|tcc|musl-dev|libc6)$/;
/** Grows when the same packages and sources give other parts. */
const recipe = 1;
const lockTimeoutMs = 600_000;
const largestFile = 128 << 20;
const sources = ["init.c", "serve.h"].map((name) => fileURLToPath(new URL(name, import.meta.url)));

/**
 * Kernel and initial memory disk, made once from locked Debian packages. `machine/kiln.lock` in the state folder pins them; remove it
 * to have today's. Throws what fetching packages throws, and `command_failed` when the first process cannot be compiled.
 */
export async function machineParts(state: StateFolder, signal: AbortSignal): Promise<GuestParts> {
  await mkdir(state.machine, { recursive: true, mode: 0o700 });
  return withFileLock(join(state.machine, "lock"), () => ensureParts(state, signal), {
    signal,
    timeoutMs: lockTimeoutMs,
  });
}

async function ensureParts(state: StateFolder, signal: AbortSignal): Promise<GuestParts> {
  const lockFile = join(state.machine, "kiln.lock");
  const cacheFolder = join(state.cache, "packages");
  const section =
    (await readLockSection(lockFile, "machine")) ?? (await lockToday(lockFile, cacheFolder, signal));
  const texts = await Promise.all(sources.map((path) => readFile(path, "utf8")));
  const folder = join(state.machine, lockDigest(section, `machine ${recipe}`, ...texts).slice(0, 24));
  const present = await readParts(folder);
  if (present !== undefined) return present;
  const temporary = temporaryPath(join(state.machine, "temporary"));
  await mkdir(temporary, { mode: 0o700 });
  try {
    const packages = await fetched(section, cacheFolder, signal);
    await writeParts(temporary, packages, signal);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const made = await readParts(folder);
  if (made === undefined)
    throw new KilnError("image_invalid", `${folder} has just been made and is damaged.`, { retry: true });
  return made;
}

async function lockToday(lockFile: string, cacheFolder: string, signal: AbortSignal): Promise<LockSection> {
  const [{ resolvePackages }, { findSources, openApt }] = await Promise.all([
    import("../packages/archive/resolve.ts"),
    import("../packages/archive/apt.ts"),
  ]);
  const apt = await openApt(cacheFolder, "amd64", await findSources([], suite, signal), signal);
  const all = await withFileLock(join(apt.folder, "lock"), () => resolvePackages(apt, requested, () => {}), {
    ...{ signal, timeoutMs: lockTimeoutMs },
  });
  const section = {
    suite,
    architecture: "amd64",
    requested,
    packages: all.filter(({ name }) => needed.test(name)),
  };
  await writeLockSection(lockFile, "machine", section);
  return section;
}

/** The packages' files, by package. */
async function fetched(
  section: LockSection,
  cacheFolder: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<LockedPackage, TarTree>> {
  const [{ fetchPackages }, { unpack }] = await Promise.all([
    import("../packages/archive/fetch.ts"),
    import("../packages/archive/unpack.ts"),
  ]);
  const request = { suite, architecture: "amd64", sources: [], cacheFolder, signal, progress: () => {} };
  await fetchPackages(section.packages, request);
  const trees = await Promise.all(section.packages.map((one) => unpack(one, cacheFolder, signal)));
  return new Map(section.packages.map((one, i) => [one, trees[i]?.tree ?? new Map()]));
}

async function writeParts(
  folder: string,
  packages: ReadonlyMap<LockedPackage, TarTree>,
  signal: AbortSignal,
): Promise<void> {
  const kernel = [...packages].find(([{ name }]) => name.startsWith("linux-image-"))?.[1];
  const tools = [...packages]
    .filter(([{ name }]) => !name.startsWith("linux-image-"))
    .map(([, tree]) => tree);
  const image = kernel && [...kernel.values()].find(({ path }) => path.startsWith("boot/vmlinuz-"))?.content;
  if (!kernel || !image) throw new KilnError("image_invalid", "The locked packages have no kernel.");
  const init = await compileInit(join(folder, "work"), tools, sources[0] ?? "", signal);
  const initrd = initrdOf(modulesInOrder(moduleReader(kernel)), init);
  await rm(join(folder, "work"), { recursive: true });
  await writeForEverybody(join(folder, "kernel"), contentBytes(image, largestFile));
  await writeForEverybody(join(folder, "initrd"), initrd);
  const digests = {
    kernel: await digestOf(join(folder, "kernel")),
    initrd: await digestOf(join(folder, "initrd")),
  };
  await writeFile(join(folder, "digests.json"), JSON.stringify(digests));
}

/** Hypervisors run as users of their own; the folders above keep everyone else away. */
async function writeForEverybody(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(path, bytes);
  await chmod(path, 0o444); // whatever the umask is
}

function moduleReader(kernel: TarTree): (name: string) => KernelModule | undefined {
  const files = new Map(
    [...kernel.values()].flatMap((entry) =>
      entry.path.endsWith(".ko") ? [[basename(entry.path, ".ko").replaceAll("-", "_"), entry] as const] : [],
    ),
  );
  return (name) => {
    const content = files.get(name)?.content;
    return content && { file: `${name}.ko`, bytes: contentBytes(content, largestFile) };
  };
}

function initrdOf(modules: readonly KernelModule[], init: Uint8Array): Buffer {
  const folders = ["dev", "lib", "proc", "sys"].map((path) => ({
    path,
    mode: 0o755,
    type: "folder" as const,
  }));
  const files = modules.map(({ file, bytes }) => ({
    path: `lib/${file}`,
    mode: 0o600,
    type: "file" as const,
    bytes,
  }));
  const list = Buffer.from(modules.map(({ file }) => `${file}\n`).join(""));
  return cpioArchive([
    ...folders,
    ...files,
    { path: "modules", mode: 0o600, type: "file", bytes: list },
    { path: "init", mode: 0o700, type: "file", bytes: init },
  ]);
}

/** Undefined when they have to be made (again). */
async function readParts(folder: string): Promise<GuestParts | undefined> {
  const text = await readTextIfExists(join(folder, "digests.json"));
  if (text === undefined) return undefined;
  const { kernel, initrd } = JSON.parse(text) as Record<"kernel" | "initrd", string>;
  const parts = {
    kernel: { file: join(folder, "kernel"), sha256: kernel },
    initrd: { file: join(folder, "initrd"), sha256: initrd },
  };
  const found = await Promise.all(
    [parts.kernel, parts.initrd].map(({ file }) => digestOf(file).catch(() => "")),
  );
  return found[0] === kernel && found[1] === initrd ? parts : undefined;
}

async function digestOf(path: string): Promise<string> {
  return `sha256:${createHash("sha256")
    .update(await readFile(path))
    .digest("hex")}`;
}
