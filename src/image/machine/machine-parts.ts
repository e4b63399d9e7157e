import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { KilnError } from "../../lib/errors.ts";
import { readTextIfExists } from "../../lib/files/files.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { type LockedPackage, lockDigest } from "../lock-file.ts";
import { contentBytes } from "../store/content.ts";
import type { TarTree } from "../tar/entry.ts";
import { compileInit } from "./compile-init.ts";
import { cpioArchive } from "./cpio.ts";
import { lockedPackages, packageTrees, type WantedPackages, withMachineLock } from "./machine-packages.ts";
import { diskModules, hostedModules, type KernelModule, modulesInOrder } from "./modules.ts";

/** What every virtual machine of this installation starts: absolute paths, and the digests (`sha256:…`) of what they hold. */
export interface GuestParts {
  readonly kernel: { readonly file: string; readonly sha256: string };
  readonly initrd: { readonly file: string; readonly sha256: string };
  /** The one of machines that boot from a disk: without their configuration. */
  readonly diskInitrd: { readonly file: string; readonly sha256: string };
}

/** Of all that comes with a kernel, its own package alone is used. */
const wanted: WantedPackages = {
  section: "machine",
  requested: ["linux-image-cloud-amd64", "musl-dev", "tcc"],
  needed: /^(linux-image-\d.*-cloud-amd64|tcc|musl-dev|libc6)$/,
};
/** Grows when the same packages and sources give other parts. */
const recipe = 2;
const partNames = ["kernel", "initrd", "diskInitrd"] as const;
type PartName = (typeof partNames)[number];
const largestFile = 128 << 20;
const sources = ["init.c", "disks.h", "network.h", "dhcp.h", "serve.h"].map((name) =>
  fileURLToPath(new URL(name, import.meta.url)),
);

/**
 * Kernel and initial memory disk, made once from locked Debian packages. `machine/kiln.lock` in the state folder pins them; remove it
 * to have today's. Throws what fetching packages throws, and `command_failed` when the first process cannot be compiled.
 */
export async function machineParts(state: StateFolder, signal: AbortSignal): Promise<GuestParts> {
  return withMachineLock(state, () => ensureParts(state, signal), signal);
}

async function ensureParts(state: StateFolder, signal: AbortSignal): Promise<GuestParts> {
  const section = await lockedPackages(state, wanted, signal);
  const texts = await Promise.all(sources.map((path) => readFile(path, "utf8")));
  const folder = join(state.machine, lockDigest(section, `machine ${recipe}`, ...texts).slice(0, 24));
  const present = await readParts(folder);
  if (present !== undefined) return present;
  const temporary = temporaryPath(join(state.machine, "temporary"));
  await mkdir(temporary, { mode: 0o700 });
  try {
    const packages = await packageTrees(state, section, signal);
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
  await rm(join(folder, "work"), { recursive: true });
  const read = moduleReader(kernel);
  const files: Readonly<Record<PartName, Uint8Array>> = {
    kernel: contentBytes(image, largestFile),
    initrd: initrdOf(modulesInOrder(hostedModules, read), init),
    diskInitrd: initrdOf(modulesInOrder(diskModules, read), init),
  };
  const digests: Partial<Record<PartName, string>> = {};
  for (const name of partNames) {
    await writeForEverybody(join(folder, name), files[name]);
    digests[name] = await digestOf(join(folder, name));
  }
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
  const digests = JSON.parse(text) as Record<PartName, string>;
  for (const name of partNames)
    if ((await digestOf(join(folder, name)).catch(() => "")) !== digests[name]) return undefined;
  const part = (name: PartName) => ({ file: join(folder, name), sha256: digests[name] });
  return { kernel: part("kernel"), initrd: part("initrd"), diskInitrd: part("diskInitrd") };
}

async function digestOf(path: string): Promise<string> {
  return `sha256:${createHash("sha256")
    .update(await readFile(path))
    .digest("hex")}`;
}
