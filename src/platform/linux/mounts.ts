import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";

/** Mount points of this mount namespace, in the order they were made: /proc/self/mountinfo, proc(5). */
export function readMountPoints(): readonly string[] {
  return parseMountPoints(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Field 5 of each line; blanks and backslashes are written as octal there. */
export function parseMountPoints(mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4])
    .filter((path) => path !== undefined)
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}

/** mount(2) in the tables of system calls of asm/unistd.h. */
const mountCalls: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 165, arm64: 40 };
/** MS_RDONLY, MS_NOSUID and MS_NODEV of sys/mount.h. */
const layerFlags = 1 | 2 | 4;
/** Exit code of `layerMountArgv`: ENOTBLK of errno.h, from a kernel that mounts block devices alone. */
const needsBlockDevice = 15;

const mountProgram =
  "my ($call, $flags, $file, $dir) = @ARGV; my ($type, $data) = ('erofs', ''); " +
  "exit(syscall($call + 0, $file, $dir, $type, $flags + 0, $data) == 0 ? 0 : $! + 0);";

/**
 * One layer, from its file itself: Linux 6.12 can. mount(8) makes a loop device for each file until util-linux 2.41, and
 * what is below a loop device can be exchanged; perl is in every Debian (perl-base is essential). Undefined where no one
 * knows the call's number. Exits with the error's number.
 */
export function layerMountArgv(
  file: string,
  target: string,
  call = mountCalls[process.arch],
): [string, ...string[]] | undefined {
  if (call === undefined) return undefined;
  return ["perl", "-e", mountProgram, "--", String(call), String(layerFlags), file, target];
}

/** The same through a loop device that goes away with the mount. */
export function loopMountArgv(file: string, target: string): [string, ...string[]] {
  return ["mount", "-t", "erofs", "-o", "ro,nodev,nosuid", file, target];
}

/**
 * A read-only overlay of `layers` (bottom first) without an upper layer. The layers' paths are relative to the
 * folder that mount(8) runs in: mount(2) takes no more than a page of options.
 */
export function rootMountArgv(layers: readonly string[], target: string): [string, ...string[]] {
  const lower = layers.toReversed().join(":");
  return ["mount", "-t", "overlay", "-o", `ro,nodev,nosuid,lowerdir=${lower}`, "overlay", target];
}

/** How much a folder in memory holds at most. */
interface MemorySize {
  readonly bytes: number;
  /** Files and folders, itself among them. */
  readonly inodes: number;
}

/** Memory that only root reaches, and that `swap: false` (Linux 6.4) keeps off the disk. */
export function memoryMountArgv(
  target: string,
  { bytes, inodes, swap }: MemorySize & { readonly swap: boolean },
): [string, ...string[]] {
  const size = `size=${bytes},nr_inodes=${inodes}`;
  const options = `nosuid,nodev,noexec,mode=0700,${size}${swap ? "" : ",noswap"}`;
  return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", target];
}

/** A new folder in memory, kept off the disk where the kernel can; only root reaches it. */
export async function mountMemory(target: string, size: MemorySize): Promise<void> {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  try {
    await mount(memoryMountArgv(target, { ...size, swap: false }));
  } catch {
    await mount(memoryMountArgv(target, { ...size, swap: true })); // before Linux 6.4
  }
}

/** Takes such a folder away, with all that is in it. May be repeated. */
export async function freeMemory(target: string): Promise<void> {
  const mounts = readMountPoints().filter((path) => path === target);
  for (const path of mounts) await unmount(path);
  rmSync(target, { recursive: true, force: true });
}

export async function mount(argv: [string, ...string[]], folder = "/"): Promise<void> {
  // The newer mount API takes at most 256 bytes per option, too few for `lowerdir`.
  await exec(argv, { cwd: folder, env: { LIBMOUNT_FORCE_MOUNT2: "always" } });
}

/** What the kernel has said once it says of every file. */
let fromFiles = true;

/** Mounts an erofs file, without a loop device where the kernel can. */
export async function mountErofs(file: string, target: string): Promise<void> {
  const argv = fromFiles ? layerMountArgv(file, target) : undefined;
  const code = argv && (await codeOf(argv));
  if (code === 0) return;
  if (code === needsBlockDevice) fromFiles = false;
  await mount(loopMountArgv(file, target));
}

/** Undefined without perl. */
async function codeOf(argv: readonly [string, ...string[]]): Promise<number | undefined> {
  try {
    return (await exec(argv, { accept: "any" })).code;
  } catch (error) {
    if (error instanceof KilnError && error.code === "tool_missing") return undefined;
    throw error;
  }
}

/** The kernel's number (`MAJOR:MINOR`) of what is mounted last at a place, and what it is mounted from. */
export function mountedAt(target: string): { readonly device: string; readonly source: string } | undefined {
  const line = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .findLast((each) => parseMountPoints(each)[0] === target);
  if (line === undefined) return undefined;
  return { device: line.split(" ")[2] ?? "", source: line.split(" - ")[1]?.split(" ")[1] ?? "" };
}

/** Unmounts; where a program still reads there, the mount leaves the tree now and the kernel as soon as it can. */
export async function unmount(target: string): Promise<void> {
  const { code } = await exec(["umount", target], { accept: "any" });
  if (code !== 0) await exec(["umount", "--lazy", target]);
}
