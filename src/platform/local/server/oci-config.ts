import type { ServerShape } from "../../../domain/spec/server-shape.ts";
import type { HostImage } from "../../contract/images.ts";
import type { CgroupSupport } from "../../linux/cgroups.ts";
import type { Device } from "../../linux/devices.ts";
import { type EnvironmentInput, environment } from "../../linux/environment.ts";
import {
  maxProcesses,
  resourceLimits,
  sharedMemoryBytes,
  tmpfsInodes,
  writablePaths,
} from "../../linux/limits.ts";
import type { Bind } from "../../linux/placed-content.ts";
import { type Seccomp, seccomp } from "../../linux/seccomp.ts";
import { identityMappings } from "./user-namespaces.ts";

/** Everything that decides how a process of a server is run. */
export interface ProcessInput extends EnvironmentInput {
  readonly image: HostImage;
  readonly shape: ServerShape;
  /** Most files that a process may have open: what this machine lets us give, at most `maxOpenFiles`. */
  readonly openFiles: number;
  /** How likely the kernel ends it when memory runs out: proc(5), `oom_score_adj`. */
  readonly oomScore: number;
}

/** Everything that decides what a server's process finds around it. */
export interface ConfigInput extends ProcessInput {
  readonly hostname: string;
  /** Read-only files and folders, over all that the image and the writable paths have there. */
  readonly binds: readonly Bind[];
  /** Folders that the process may write to, and that outlast the server. */
  readonly volumes: readonly Bind[];
  /** Absolute path of the mounted root file system. */
  readonly root: string;
  /** Absolute path of the network namespace. */
  readonly networkNamespace: string;
  /** Absolute path of the user namespace that the network one belongs to; undefined for the machine's own. */
  readonly userNamespace: string | undefined;
  /** Devices of the machine, in addition to the usual ones. */
  readonly devices: readonly Device[];
  /** Absolute path of a statically linked init that is to be the first process; undefined for none. */
  readonly init: string | undefined;
  readonly cgroup: string;
  readonly cgroups: CgroupSupport;
  /** Absolute paths of the files that stand for /etc/hosts and its like. */
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvers: string };
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Which devices a cgroup lets its processes use; without a type and numbers, all others. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly access: string;
  readonly type?: "c";
  readonly major?: number;
  readonly minor?: number;
}

/** Limits, as far as we set any. */
export interface Resources {
  readonly devices?: readonly DeviceRule[];
  readonly pids?: { readonly limit: number };
  /** In bytes; `swap` is both together. */
  readonly memory?: { readonly limit: number; readonly swap?: number };
  /** In microseconds. */
  readonly cpu?: { readonly period: number; readonly quota: number };
  readonly unified?: Readonly<Record<string, string>>;
}

/** The parts of the OCI runtime specification 1.0 (`config.json`) that we use. */
export interface OciConfig {
  readonly ociVersion: "1.0.2";
  readonly process: object;
  readonly root: { readonly path: string; readonly readonly: true };
  readonly hostname: string;
  readonly mounts: readonly Mount[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
    readonly cgroupsPath: string;
    /** In addition to the devices that runc makes for every server. */
    readonly devices: readonly { readonly path: string }[];
    readonly resources: Resources;
    readonly seccomp: Seccomp;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  } & Readonly<Record<string, unknown>>;
}

/** runc puts less than 20 devices, links and folders into /dev. */
/** In /dev, which is Kiln's own: the image needs no place for it, and has none that it hides. */
const initPath = "/dev/init";
const deviceInodes = 128;
const cpuPeriodUs = 100_000;

/** The description of a server for runc: OCI runtime specification 1.0, `config.json`. */
export function ociConfig(input: ConfigInput): OciConfig {
  return {
    ociVersion: "1.0.2",
    process: firstProcess(input),
    root: { path: input.root, readonly: true },
    hostname: input.hostname,
    mounts: [...systemMounts(input), ...writableMounts(input), ...volumeMounts(input), ...fileMounts(input)],
    linux: {
      namespaces: [
        { type: "pid" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        { type: "cgroup" },
        { type: "network", path: input.networkNamespace },
        ...(input.userNamespace === undefined ? [] : [{ type: "user", path: input.userNamespace }]),
      ],
      // runc before 1.2 needs the mappings, although the namespace shows them; later versions compare the two.
      ...(input.userNamespace === undefined
        ? {}
        : { uidMappings: identityMappings, gidMappings: identityMappings }),
      rootfsPropagation: "rprivate",
      cgroupsPath: input.cgroup,
      devices: input.devices.map(({ mode, ...device }) => ({ ...device, type: "c", fileMode: mode })),
      resources: resources(input),
      // Without capabilities no server could listen below 1024 otherwise; the namespace has no one else to protect.
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0" },
      seccomp,
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
      ],
      readonlyPaths: [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
        // With version 1, runc leaves the tmpfs that holds the hierarchies writable for root.
        "/sys/fs/cgroup",
      ],
    },
  };
}

/** The image's program, or the init that starts it. */
function firstProcess(input: ConfigInput) {
  const process = processOf(input);
  return input.init === undefined ? process : { ...process, args: [initPath, "--", ...process.args] };
}

/** What a process of the server is run as; its first one has no terminal. */
export function processOf(input: ProcessInput, terminal = false) {
  const { image } = input;
  return {
    terminal,
    user: { uid: image.uid, gid: image.gid, additionalGids: image.groups },
    args: image.argv,
    env: environment(input),
    cwd: image.workingFolder || "/",
    capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
    noNewPrivileges: true,
    // Without it, servers of a controller that the machine spares when memory runs out would be spared with it.
    oomScoreAdj: input.oomScore,
    rlimits: resourceLimits(input.shape, input.openFiles).map(({ name, soft, hard }) => ({
      ...{ type: `RLIMIT_${name.toUpperCase()}`, soft: limitNumber(soft), hard: limitNumber(hard) },
    })),
  };
}

/** RLIM_INFINITY (getrlimit(2)) is more than a number holds exactly. */
function limitNumber(limit: number): number | bigint {
  return limit === -1 ? 2n ** 64n - 1n : limit;
}

const systemMounts = ({ shape, init }: ConfigInput): readonly Mount[] => [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  // Read-only once runc has put the devices there: it would be writable for root otherwise.
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: [
      "nosuid",
      "noexec",
      "strictatime",
      "mode=755",
      "size=65536k",
      `nr_inodes=${deviceInodes}`,
      "ro",
    ],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: [
      ...["nosuid", "noexec", "nodev", "mode=1777"],
      ...[`size=${shape.sharedMemoryBytes ?? sharedMemoryBytes}`, `nr_inodes=${tmpfsInodes}`],
    ],
  },
  ...(init === undefined
    ? []
    : [{ destination: initPath, type: "bind", source: init, options: ["bind", "ro", "nosuid", "nodev"] }]),
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
];

function writableMounts({ image, shape }: ConfigInput): readonly Mount[] {
  return writablePaths(image, shape).map(({ path, options }) => ({
    ...{ destination: path, type: "tmpfs", source: "tmpfs", options },
  }));
}

/** What servers write there stays, and runs nowhere. */
function volumeMounts({ volumes }: ConfigInput): readonly Mount[] {
  const options = ["bind", "rw", "nosuid", "nodev", "noexec"];
  return volumes.map(({ source, destination }) => ({ destination, type: "bind", source, options }));
}

/** After the tmpfs mounts, which may lie above them. */
function fileMounts({ files, binds }: ConfigInput): readonly Mount[] {
  const options = ["bind", "ro", "nosuid", "nodev", "noexec"];
  return [
    ...binds.map(({ source, destination }) => ({ destination, type: "bind", source, options })),
    { destination: "/etc/hosts", type: "bind", source: files.hosts, options },
    { destination: "/etc/hostname", type: "bind", source: files.hostname, options },
    { destination: "/etc/resolv.conf", type: "bind", source: files.resolvers, options },
  ];
}

function resources({ shape, cgroups, devices }: ConfigInput): Resources {
  return {
    devices: [
      { allow: false, access: "rwm" },
      ...devices.map(({ major, minor }) => ({ allow: true, type: "c" as const, major, minor, access: "rw" })),
    ],
    ...(cgroups.pids ? { pids: { limit: maxProcesses } } : {}),
    ...(cgroups.memory && shape.memoryBytes !== undefined
      ? { memory: memory(shape.memoryBytes, cgroups) }
      : {}),
    ...(cgroups.cpu && shape.cpus !== undefined ? { cpu: cpu(shape.cpus) } : {}),
    // A server that has lost one of its processes is no longer what was started: all of it ends.
    ...(cgroups.version === 2 && cgroups.memory ? { unified: { "memory.oom.group": "1" } } : {}),
  };
}

/** `swap` is memory and swap together, so equal values mean: no swap. */
function memory(bytes: number, cgroups: CgroupSupport) {
  return cgroups.swap ? { limit: bytes, swap: bytes } : { limit: bytes };
}

/** The kernel takes no quota below 1 ms. */
function cpu(cores: number) {
  return { period: cpuPeriodUs, quota: Math.max(1000, Math.round(cores * cpuPeriodUs)) };
}
