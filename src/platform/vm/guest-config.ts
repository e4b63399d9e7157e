import type { Release } from "../../domain/release.ts";
import { secretsFolder } from "../../domain/spec.ts";
import { environment } from "../linux/environment.ts";
import { resourceLimits, sharedMemoryBytes, tmpfsInodes, writablePaths } from "../linux/limits.ts";
import { type PlacedContent, secretVariables } from "../linux/placed-content.ts";
import type { ImageProcess } from "../platform.ts";

/** What the first process of a machine has to know. */
export interface GuestInput {
  readonly id: string;
  readonly hostname: string;
  readonly release: Release;
  readonly image: ImageProcess;
  /** How many disks make its root file system. */
  readonly layers: number;
  readonly content: PlacedContent;
  /** Texts of /etc/hosts and /etc/resolv.conf. */
  readonly hosts: string;
  readonly resolvers: string;
  readonly network: {
    readonly address: string;
    readonly mask: string;
    readonly gateway: string;
    readonly mtu: number;
  };
  /** Most files that a process may have open. */
  readonly openFiles: number;
}

/** One order: its name, and fields of which the last may hold any bytes. */
type Order = readonly [string, ...(string | number | Uint8Array)[]];

/** The same numbers as in getrlimit(2) of x86-64. */
const resourceNumbers = [
  ...["cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks"],
  ...["sigpending", "msgqueue", "nice", "rtprio", "rttime"],
];

/**
 * The configuration as `src/image/machine/init.c` reads it: orders that it carries out one after the other. The image's root comes first, then what is
 * placed in it; `seal` makes all of that read-only, and only then memory is mounted where the server may write.
 */
export function guestConfig(input: GuestInput): Buffer {
  const { address, mask, gateway, mtu } = input.network;
  const orders: readonly Order[] = [
    ["set", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"],
    ["host", input.hostname],
    ["network", address, mask, gateway, mtu],
    ["root", input.layers],
    ...folderOrders(input),
    ...fileOrders(input),
    ["seal", ""],
    ...deviceOrders(input),
    ...writablePaths(input.image, input.release.shape).map(({ path, options }) =>
      mountOrder("tmpfs", path, options),
    ),
    ...secretOrders(input),
    ...processOrders(input),
  ];
  return Buffer.concat(orders.map(encode));
}

function encode([name, ...fields]: Order): Buffer {
  const parts = fields.flatMap((field) => [
    typeof field === "object" ? Buffer.from(field) : Buffer.from(String(field)),
    Buffer.alloc(1),
  ]);
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(`${name} ${body.length}\n`), body]);
}

function folderOrders({ release, image }: GuestInput): readonly Order[] {
  const writable = release.shape.writable.map((path) => path.replace(/(?<=.)\/+$/, ""));
  const own = ["/proc", "/dev", "/sys", image.workingFolder || "/", ...writable];
  return own.filter((path) => path !== "/").map((path) => ["folder", path, "0755", 0, 0]);
}

function fileOrders({ release, image, content, hostname, hosts, resolvers }: GuestInput): readonly Order[] {
  const { uid, gid } = image;
  const apart = secretFiles(content).filter(({ path }) => !isInFolder(path));
  const volumes = release.shape.volumes ?? [];
  return [
    ["file", "/etc/hosts", "0644", 0, 0, hosts],
    ["file", "/etc/hostname", "0644", 0, 0, `${hostname}\n`],
    ["file", "/etc/resolv.conf", "0644", 0, 0, resolvers],
    ...(hasFolder(content) ? [["folder", secretsFolder, "0755", 0, 0] as const] : []),
    ...apart.map(({ path, value }): Order => ["file", path, "0400", uid, gid, value]),
    ...content.files.map(({ to, mode, bytes }): Order => ["file", to, mode.toString(8), uid, gid, bytes]),
    ...volumes.map(({ path }): Order => ["folder", path, "0755", 0, 0]),
  ];
}

/** A file system of their own, because the folder that it is in may be writable. */
function secretOrders({ image, content }: GuestInput): readonly Order[] {
  const { uid, gid } = image;
  const files = secretFiles(content).filter(({ path }) => isInFolder(path));
  if (files.length === 0) return [];
  const closed = ["nosuid", "nodev", "noexec"];
  return [
    ["folder", secretsFolder, "0755", 0, 0],
    mountOrder("tmpfs", secretsFolder, [...closed, "mode=0500", `uid=${uid}`, `gid=${gid}`]),
    ...files.map(({ path, value }): Order => ["file", path, "0400", uid, gid, value]),
    mountOrder("tmpfs", secretsFolder, [...closed, "remount", "ro"]),
  ];
}

function secretFiles({ secrets }: PlacedContent) {
  return secrets.flatMap(({ secret: { delivery }, value }) =>
    delivery.kind === "file" ? [{ path: delivery.path, value }] : [],
  );
}

function hasFolder(content: PlacedContent): boolean {
  return secretFiles(content).some(({ path }) => isInFolder(path));
}

function isInFolder(path: string): boolean {
  return path.startsWith(`${secretsFolder}/`);
}

const devices = [
  ...[
    ["null", 1, 3],
    ["zero", 1, 5],
    ["full", 1, 7],
    ["random", 1, 8],
    ["urandom", 1, 9],
    ["tty", 5, 0],
  ],
] as const;
const links = [
  ...[
    ["/proc/self/fd", "fd"],
    ["/proc/self/fd/0", "stdin"],
    ["/proc/self/fd/1", "stdout"],
    ["/proc/self/fd/2", "stderr"],
  ],
  ["pts/ptmx", "ptmx"],
] as const;

/** The same /dev and /sys as in a container. */
function deviceOrders({ release }: GuestInput): readonly Order[] {
  const closed = ["nosuid", "noexec"];
  const size = release.shape.sharedMemoryBytes ?? sharedMemoryBytes;
  return [
    mountOrder("tmpfs", "/dev", [...closed, "mode=755", "size=65536", "nr_inodes=128"]),
    ["folder", "/dev/pts", "0755", 0, 0],
    ["folder", "/dev/shm", "1777", 0, 0],
    ...devices.map(([name, major, minor]): Order => ["device", `/dev/${name}`, major, minor]),
    ...links.map(([target, name]): Order => ["link", target, `/dev/${name}`]),
    mountOrder("devpts", "/dev/pts", [...closed, "newinstance", "ptmxmode=0666", "mode=0620"]),
    mountOrder("tmpfs", "/dev/shm", [
      ...closed,
      "nodev",
      "mode=1777",
      `size=${size}`,
      `nr_inodes=${tmpfsInodes}`,
    ]),
    mountOrder("tmpfs", "/dev", [...closed, "remount", "ro"]),
    mountOrder("sysfs", "/sys", [...closed, "nodev", "ro"]),
    // The configuration of the machine, secrets too, is below it.
    mountOrder("tmpfs", "/sys/firmware", [...closed, "nodev", "ro", "size=0"]),
  ];
}

const flags = new Set(["ro", "nosuid", "nodev", "noexec", "remount"]);

function mountOrder(type: string, path: string, options: readonly string[]): Order {
  const own = options.filter((option) => !flags.has(option));
  return ["mount", type, path, type, options.filter((option) => flags.has(option)).join(","), own.join(",")];
}

function processOrders({ id, release, image, content, openFiles }: GuestInput): readonly Order[] {
  const { shape, service, number } = release;
  const variables = environment({
    id,
    service,
    release: number,
    image,
    shape,
    variables: secretVariables(content),
  });
  return [
    ["user", image.uid, image.gid],
    ...image.groups.map((group): Order => ["group", group]),
    ...resourceLimits(shape, openFiles).map(({ name, soft, hard }): Order => {
      return ["limit", resourceNumbers.indexOf(name), limitNumber(soft), limitNumber(hard)];
    }),
    ["cwd", image.workingFolder || "/"],
    ...variables.map((line): Order => ["env", line]),
    ...image.argv.map((word): Order => ["arg", word]),
  ];
}

/** RLIM_INFINITY of getrlimit(2). */
function limitNumber(limit: number): string {
  return limit === -1 ? `${2n ** 64n - 1n}` : `${limit}`;
}
