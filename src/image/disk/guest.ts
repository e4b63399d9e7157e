import { constants } from "node:os";
import {
  deviceOrders,
  encodeOrders,
  type GuestOrder,
  type GuestProcess,
  mountOrder,
  processOrders,
} from "../../domain/guest/orders.ts";

/** A layer with what makes each of its blocks checkable. */
export interface CheckedLayer {
  /** Of its partition: it follows from the content, so that the machine finds its own disk among others. */
  readonly name: string;
  readonly blocks: number;
  readonly rootHash: string;
}

/** The one server that a disk boots. */
export interface DiskServer extends GuestProcess {
  /** The machine's host name, unless DHCP gives it another: a service's. */
  readonly name: string;
  /** `TERM`. It is sent when the power button is pressed. */
  readonly stopSignal: string;
  /** Folders of memory; nothing in them can be run. */
  readonly writable: readonly string[];
}

const shared = { bytes: 64 << 20, files: 65_536 };
/** RLIMIT_CORE and RLIMIT_NOFILE of getrlimit(2), as servers elsewhere have them. */
const limits: readonly GuestOrder[] = [
  ["limit", 4, 0, 0],
  ["limit", 7, 65_536, 65_536],
];
/** Seconds from the power button until the server is killed: clouds wait for a minute or more. */
const grace = 30;

/** What the first process of a machine that boots from a disk carries out: the address first, because names follow from it. */
export function diskConfig(server: DiskServer, layers: readonly CheckedLayer[]): Uint8Array {
  const signals: Readonly<Record<string, number>> = constants.signals;
  const points = ["/proc", "/dev", "/sys", server.workingFolder || "/", ...server.writable];
  return encodeOrders([
    ["set", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"],
    ["host", server.name],
    ["dhcp"],
    ...layers.map(({ name, blocks, rootHash }, i): GuestOrder => ["layer", i, name, blocks, rootHash]),
    ["root", layers.length],
    ...points.filter((path) => path !== "/").map((path): GuestOrder => ["folder", path, "0755", 0, 0]),
    ["names"],
    ["seal", ""],
    ...deviceOrders(shared),
    ...server.writable.map((path) => mountOrder("tmpfs", path, memoryOptions(path, server))),
    ...limits,
    ["stop", signals[`SIG${server.stopSignal}`] ?? constants.signals.SIGTERM, grace],
    ...processOrders(server),
  ]);
}

function memoryOptions(path: string, { uid, gid }: DiskServer): readonly string[] {
  const forEverybody = ["/tmp", "/var/tmp"].includes(path);
  return ["noexec", "nosuid", "nodev", `mode=${forEverybody ? "1777" : "0755"}`, `uid=${uid}`, `gid=${gid}`];
}
