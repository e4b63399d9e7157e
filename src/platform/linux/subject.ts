import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { LoopDevice } from "../../lib/files/loop-device.ts";

/** Lets detectors of drift look at running servers that are Linux processes on this machine. */
export interface Inspector {
  /** Every server whose process runs. From memory: cheap enough for every event of the kernel. */
  subjects(): readonly Subject[];
  /** Calls back when a server has been started or has ended. */
  watch(changed: () => void): Disposable;
  /** Stops all processes of the server where they are, before it returns. False when it could not be done. */
  freeze(server: ServerId): boolean;
  /** Lets them continue. */
  thaw(server: ServerId): void;
  /**
   * Makes a file of an image that servers use immutable again; true when that flag had been removed. Absent where such
   * files are never protected.
   */
  protect?(file: string): Promise<boolean>;
}

/** A running server as a detector sees it, with what it was made from. */
export interface Subject {
  readonly server: ServerId;
  readonly service: ServiceKey;
  readonly release: number;
  /** Its first process; `startTicks` is field 22 of /proc/PID/stat, proc(5). */
  readonly process: { readonly pid: number; readonly startTicks: number };
  /** Path of its cgroup, the same in every hierarchy. */
  readonly cgroup: string;
  /** The folders of its cgroup, one for each hierarchy that it is in. */
  readonly cgroupFolders: readonly string[];
  readonly baseline: Baseline;
  /** Undefined: not known. */
  readonly network?: ServerNetwork;
  readonly imageFiles: readonly ImageFile[];
  /** Whether a process or thread that is in its namespaces belongs there now although it comes from outside. Absent: none does. */
  isExpected?(pid: number): boolean;
}

/** All that Kiln has put into a server's network namespace. */
export interface ServerNetwork {
  readonly links: readonly string[];
  /** Packet filters, as nft lists tables. Absent: none. */
  readonly tables?: readonly string[];
  /** IPv4, of its link to the machine. */
  readonly address: string;
  readonly prefixBits: number;
  /** Where its one route leads that is not of that prefix. */
  readonly gateway: string;
  /** The same of IPv6. Absent: it was made without. */
  readonly ipv6?: Pick<ServerNetwork, "address" | "prefixBits" | "gateway"> | undefined;
}

/** A file that a root file system is mounted from. */
export interface ImageFile {
  readonly file: string;
  /** The recorded digest, `sha256:…`. */
  readonly sha256: string;
  /** What the kernel serves it from: device and inode of the file, and the loop device where it needs one. Undefined: not known. */
  readonly served?: { readonly inode: string; readonly loop?: LoopDevice | undefined } | undefined;
}

/** Read when the server was made and nothing of its image had run yet. */
export interface Baseline {
  /** Lines of /proc/PID/mountinfo without the numbers that mean nothing elsewhere. */
  readonly mounts: readonly string[];
  /** By kind (`mnt`, `pid`, `net`…): what /proc/PID/ns/KIND links to. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Files of its cgroup and what they held. */
  readonly limits: readonly { readonly file: string; readonly value: string }[];
  /** Files of its bundle and the digests (`sha256:…`) of what they held. */
  readonly bundle: readonly { readonly file: string; readonly sha256: string }[];
  /** Programs that may run in it besides files of its image, each as `DEVICE:INODE` of stat(2). Absent: none. */
  readonly programs?: readonly string[] | undefined;
}
