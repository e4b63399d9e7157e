import {
  deviceOrders,
  encodeOrders,
  type GuestOrder,
  mountOrder,
  processOrders,
} from "../../domain/guest/orders.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { secretsFolder } from "../../domain/spec/server-shape.ts";
import type { ImageProcess } from "../contract/images.ts";
import { environment } from "../linux/environment.ts";
import { resourceLimits, sharedMemoryBytes, tmpfsInodes, writablePaths } from "../linux/limits.ts";
import { type PlacedContent, secretVariables } from "../linux/placed-content.ts";

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
  const orders: readonly GuestOrder[] = [
    ["set", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"],
    ["host", input.hostname],
    ["network", address, mask, gateway, mtu],
    ["root", input.layers],
    ...folderOrders(input),
    ...fileOrders(input),
    ["seal", ""],
    ...deviceOrders({
      bytes: input.release.shape.sharedMemoryBytes ?? sharedMemoryBytes,
      files: tmpfsInodes,
    }),
    ...writablePaths(input.image, input.release.shape).map(({ path, options }) =>
      mountOrder("tmpfs", path, options),
    ),
    ...secretOrders(input),
    ...serverOrders(input),
  ];
  return Buffer.from(encodeOrders(orders));
}

function folderOrders({ release, image }: GuestInput): readonly GuestOrder[] {
  const writable = release.shape.writable.map((path) => path.replace(/(?<=.)\/+$/, ""));
  const own = ["/proc", "/dev", "/sys", image.workingFolder || "/", ...writable];
  return own.filter((path) => path !== "/").map((path) => ["folder", path, "0755", 0, 0]);
}

function fileOrders({
  release,
  image,
  content,
  hostname,
  hosts,
  resolvers,
}: GuestInput): readonly GuestOrder[] {
  const { uid, gid } = image;
  const apart = secretFiles(content).filter(({ path }) => !isInFolder(path));
  const volumes = release.shape.volumes ?? [];
  return [
    ["file", "/etc/hosts", "0644", 0, 0, hosts],
    ["file", "/etc/hostname", "0644", 0, 0, `${hostname}\n`],
    ["file", "/etc/resolv.conf", "0644", 0, 0, resolvers],
    ...(hasFolder(content) ? [["folder", secretsFolder, "0755", 0, 0] as const] : []),
    ...apart.map(({ path, value }): GuestOrder => ["file", path, "0400", uid, gid, value]),
    ...content.files.map(
      ({ to, mode, bytes }): GuestOrder => ["file", to, mode.toString(8), uid, gid, bytes],
    ),
    ...volumes.map(({ path }): GuestOrder => ["folder", path, "0755", 0, 0]),
  ];
}

/** A file system of their own, because the folder that it is in may be writable. */
function secretOrders({ image, content }: GuestInput): readonly GuestOrder[] {
  const { uid, gid } = image;
  const files = secretFiles(content).filter(({ path }) => isInFolder(path));
  if (files.length === 0) return [];
  const closed = ["nosuid", "nodev", "noexec"];
  return [
    ["folder", secretsFolder, "0755", 0, 0],
    mountOrder("tmpfs", secretsFolder, [...closed, "mode=0500", `uid=${uid}`, `gid=${gid}`]),
    ...files.map(({ path, value }): GuestOrder => ["file", path, "0400", uid, gid, value]),
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

function serverOrders({ id, release, image, content, openFiles }: GuestInput): readonly GuestOrder[] {
  const { shape, service, number, traffic } = release;
  const env = environment({
    id,
    service,
    release: number,
    image,
    shape,
    variables: secretVariables(content),
  });
  return [
    ...resourceLimits(shape, openFiles).map(({ name, soft, hard }): GuestOrder => {
      return ["limit", resourceNumbers.indexOf(name), limitNumber(soft), limitNumber(hard)];
    }),
    ...(traffic?.mode === "udp" && shape.port !== undefined ? [["datagrams", shape.port] as const] : []),
    ...processOrders({ ...image, env }),
  ];
}

/** RLIM_INFINITY of getrlimit(2). */
function limitNumber(limit: number): string {
  return limit === -1 ? `${2n ** 64n - 1n}` : `${limit}`;
}
