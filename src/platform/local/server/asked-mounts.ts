import { lstatSync, readdirSync, statSync } from "node:fs";
import { resolveInRoot } from "../../linux/paths-in-root.ts";
import type { OciConfig } from "./oci-config.ts";

/** One line of /proc/PID/mountinfo, proc(5). */
interface Mount {
  readonly line: string;
  readonly device: string;
  /** What of its file system is mounted. */
  readonly root: string;
  readonly point: string;
  readonly options: ReadonlySet<string>;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** Something that Kiln has asked for, and what it looks like in the mount table. */
interface Asked {
  readonly point: string;
  readonly type: string;
  readonly fits: (mount: Mount) => boolean;
  /** How often it may be there: runc mounts a read-only path once more, with what is below it. */
  readonly times: number;
}

/** What the mounts of a server are compared with. */
export interface MountsAsked {
  readonly config: Pick<OciConfig, "mounts" | "linux">;
  /** `MAJOR:MINOR` of the root file system that Kiln has mounted; undefined where an older Kiln has. */
  readonly rootDevice: string | undefined;
  /** The server's own root, as this process reaches it: `/proc/PID/root`. */
  readonly inside: string;
}

/**
 * The lines of a server's mount table that it should have: those that Kiln has asked for, and one for each thing that it
 * has asked for and that is missing. What was not asked for is not among them, so it is a difference from the start.
 */
export function askedMounts(mountinfo: string, asked: MountsAsked): readonly string[] {
  const mounts = mountinfo.split("\n").filter((line) => line !== "");
  const seen = new Map<Asked, number>();
  const all = everythingAsked(asked);
  const found = mounts.map(parseMount).filter((mount) => {
    const match = all.find((one) => one.point === mount.point && one.fits(mount) && hasRoom(one, seen));
    if (match) seen.set(match, (seen.get(match) ?? 0) + 1);
    return match !== undefined;
  });
  const missing = all.filter((one) => !seen.has(one) && isNeeded(one, asked));
  return [...found.map(({ line }) => line), ...missing.map(({ point, type }) => lineOf(point, type))];
}

function hasRoom(one: Asked, seen: ReadonlyMap<Asked, number>): boolean {
  return (seen.get(one) ?? 0) < one.times;
}

function lineOf(point: string, type: string): string {
  return `0 0 0:0 / ${point.replaceAll(" ", "\\040")} rw - ${type} none rw`;
}

function parseMount(line: string): Mount {
  const [head = "", tail = ""] = line.split(" - ");
  const [, , device = "", root = "", point = "", options = ""] = head.split(" ");
  const [type = "", , superOptions = ""] = tail.split(" ");
  return {
    ...{ line, device, root: unescaped(root), point: unescaped(point), type },
    options: new Set(options.split(",")),
    superOptions: superOptions.split(","),
  };
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function everythingAsked(asked: MountsAsked): readonly Asked[] {
  const { config, inside } = asked;
  const { maskedPaths, readonlyPaths, devices } = config.linux;
  return [
    rootAsked(asked),
    ...config.mounts.flatMap((mount) => mountAsked(mount, asked)),
    ...maskedPaths.map((path) => maskAsked(path)),
    ...readonlyPaths.map((path) => readonlyAsked(path, config.linux.cgroupsPath)),
    ...deviceNames.map((name) => deviceAsked(`/dev/${name}`)),
    ...devices.map(({ path }) => deviceAsked(path)),
  ].map((one) => ({ ...one, point: resolved(inside, one.point) }));
}

/** Within a user namespace runc cannot make devices, and binds the machine's. */
const deviceNames = ["null", "zero", "full", "tty", "random", "urandom"];

/** Only where it is there can it be masked or made read-only; devices are made or bound. */
function isNeeded({ type, point }: Asked, { inside }: MountsAsked): boolean {
  if (type === "device" || type === "hierarchy") return false;
  return (type !== "masked" && type !== "read-only") || exists(`${inside}${point}`);
}

/** The image may have a symbolic link where something is mounted. */
function resolved(inside: string, path: string): string {
  return resolveInRoot(inside, path).path;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function rootAsked({ rootDevice }: MountsAsked): Asked {
  const isOurs = (device: string) => rootDevice === undefined || device === rootDevice;
  return {
    ...{ point: "/", type: "overlay", times: 1 },
    fits: ({ type, device, root, options }) =>
      type === "overlay" && root === "/" && isOurs(device) && options.has("ro"),
  };
}

type ConfigMount = OciConfig["mounts"][number];

function mountAsked(mount: ConfigMount, asked: MountsAsked): readonly Asked[] {
  if (mount.type === "cgroup") return cgroupAsked(mount, asked);
  const fits = mount.type === "bind" ? isBound(mount, asked) : isMade(mount);
  return [{ point: mount.destination, type: mount.type, fits, times: 1 }];
}

/** The same file, whatever path of its file system leads there. */
function isBound({ source, destination, options }: ConfigMount, { inside }: MountsAsked) {
  return (mount: Mount): boolean => {
    const wanted = statSync(source, { throwIfNoEntry: false });
    const there = statSync(`${inside}${resolved(inside, destination)}`, { throwIfNoEntry: false });
    const same = wanted !== undefined && wanted.dev === there?.dev && wanted.ino === there.ino;
    return same && hasFlags(mount, options);
  };
}

function isMade({ type, options }: ConfigMount) {
  return (mount: Mount): boolean =>
    mount.type === type &&
    mount.root === "/" &&
    hasFlags(mount, options) &&
    options.every((option) => isKept(option, mount.superOptions));
}

const flags = ["ro", "nosuid", "nodev", "noexec"];

function hasFlags({ options }: Mount, asked: readonly string[]): boolean {
  return flags.every((flag) => !asked.includes(flag) || options.has(flag));
}

/** Sizes are kept in pages, whatever a page is here. */
const largestPage = 65_536;

/** Only what bounds a file system is compared: of other options each kernel shows its own choice. */
function isKept(option: string, superOptions: readonly string[]): boolean {
  const [name = "", value = ""] = option.split("=");
  if (name !== "size" && name !== "nr_inodes") return true;
  const shown = superOptions.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  if (shown === undefined) return false;
  const more = countOf(shown) - countOf(value);
  return name === "size" ? more >= 0 && more < largestPage : more === 0;
}

function countOf(text: string): number {
  const unit = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[text.at(-1) ?? ""] ?? 1;
  return Number.parseInt(text, 10) * unit;
}

/** Of version 1, a tmpfs with one mount for each hierarchy; of version 2, one mount. */
function cgroupAsked({ destination }: ConfigMount, { config, inside }: MountsAsked): readonly Asked[] {
  const own = ({ type, root, options }: Mount) =>
    ["cgroup", "cgroup2"].includes(type) &&
    options.has("ro") &&
    (root === "/" || root.endsWith(config.linux.cgroupsPath));
  const tmpfs = ({ type, root }: Mount) => type === "tmpfs" && root === "/";
  const below = hierarchyNames(`${inside}${destination}`).map((name) => `${destination}/${name}`);
  return [
    { point: destination, type: "cgroup", fits: (mount) => own(mount) || tmpfs(mount), times: 1 },
    ...below.map((point) => ({ point, type: "hierarchy", fits: own, times: 2 })),
  ];
}

function hierarchyNames(folder: string): readonly string[] {
  if (!exists(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() ? [each.name] : [],
  );
}

/** A folder is hidden by an empty tmpfs, a file by /dev/null. */
function maskAsked(path: string): Asked {
  const fits = ({ type, root, options }: Mount) =>
    (type === "tmpfs" && root === "/" && options.has("ro")) || (isMemory(type) && root === "/null");
  return { point: path, type: "masked", fits, times: 1 };
}

/** The path itself, once more. */
function readonlyAsked(path: string, cgroup: string): Asked {
  const isItself = ({ root, type }: Mount) =>
    root === "/" || path.endsWith(root) || (type === "cgroup2" && root.endsWith(cgroup));
  const fits = (mount: Mount) => mount.options.has("ro") && isItself(mount);
  return { point: path, type: "read-only", fits, times: 1 };
}

function deviceAsked(path: string): Asked {
  const fits = ({ type, root }: Mount) => isMemory(type) && `/dev${root}` === path;
  return { point: path, type: "device", fits, times: 1 };
}

function isMemory(type: string): boolean {
  return type === "tmpfs" || type === "devtmpfs";
}
