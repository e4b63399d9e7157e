import { chownSync, existsSync, realpathSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import { isAlive, readIfThere } from "../../lib/process/proc.ts";
import { waitUntil } from "../../lib/time/wait-until.ts";
import type { Call } from "../contract/call.ts";
import type { HostImage } from "../contract/images.ts";
import type { MachineSource } from "../contract/sources.ts";
import { formatAddress, gateway } from "../linux/addresses.ts";
import { hostnameOf } from "../linux/hostname.ts";
import { openFilesLimit } from "../linux/limits.ts";
import { freeMemory, mountMemory } from "../linux/mounts.ts";
import type { Bind } from "../linux/placed-content.ts";
import { mountPoints } from "../linux/skeleton.ts";
import { configBase, placeNames } from "../local/containers.ts";
import type { Around, HostContext, Ingredients, Runtime } from "../local/context.ts";
import { describeRoot, ensureBareRoot } from "../local/image/roots.ts";
import { machineAddress, machineLink, machineUser, namespacePath } from "../local/network/commands.ts";
import { hostsFile, resolversFile, resolversFor } from "../local/network/resolvers.ts";
import { type ServerPaths, serverPaths } from "../local/paths.ts";
import { findProgram } from "../local/programs.ts";
import { type OciConfig, ociConfig } from "../local/server/oci-config.ts";
import type { ServerRecord } from "../local/server/records.ts";
import { readTold } from "../local/server/server-state.ts";
import { guestConfig } from "./guest-config.ts";
import { type Accelerator, hypervisorArgv, paths, sockets } from "./hypervisor.ts";
import { askMonitor, connectIn } from "./monitor.ts";

/** What machines need besides what every server needs. */
export interface MachineOptions {
  readonly source: MachineSource;
  /** Who runs their instructions here; found out once. */
  readonly accelerator: (call: Call) => Promise<Accelerator>;
}

const mebibyte = 2 ** 20;
/** Memory of a machine whose release states none. */
const usualMemoryBytes = 256 * mebibyte;
/** What the guest's kernel takes of its memory before the server's program begins: 36 MiB with Debian's. */
const kernelBytes = 40 * mebibyte;
/** What QEMU takes besides the guest's memory: translated code, firmware, its own. 130 MiB were seen. */
const hypervisorBytes = 224 * mebibyte;

/** Servers whose process is a hypervisor, which runs a machine of the image's layers: docs/vm.md. */
export function machines({ source, accelerator }: MachineOptions): Runtime {
  return {
    platform: "vm",
    ownUsers: false,
    inside: "machine",
    async prepare(call) {
      await accelerator(call);
    },
    root: (image) => describeRoot(image, rootPoints(image)),
    ensureRoot: (host, root) => ensureBareRoot(host.paths, root, host.verifyLayer),
    async place(host, from, around) {
      const { call } = around;
      const [parts, chosen] = await Promise.all([source.parts(call), accelerator(call)]);
      placeNames(host, from.record);
      await placeGuest(host, from, around);
      const binds = [
        { source: parts.kernel.file, destination: paths.kernel },
        { source: parts.initrd.file, destination: paths.initrd },
      ];
      return configOf(host, from, around, { accelerator: chosen, binds });
    },
    begun: (host, record, call) => begun(host, record, call),
    askToEnd,
  };
}

/** Programs and libraries of this machine that QEMU consists of, read-only: by their place in its root file system. */
function programBinds(): readonly Bind[] {
  const loader = "/lib64/ld-linux-x86-64.so.2";
  return [
    { source: realpathSync(findProgram("qemu-system-x86_64")), destination: paths.program },
    { source: realpathSync(loader), destination: loader },
    ...["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/share/qemu", "/usr/share/seabios"].map(
      (path) => ({
        ...{ source: path, destination: path },
      }),
    ),
  ];
}

function rootPoints({ layers }: HostImage) {
  const files = [paths.program, "/lib64/ld-linux-x86-64.so.2", paths.kernel, paths.initrd, paths.config];
  const disks = layers.map((_, index) => paths.layer(index));
  const folders = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/share/qemu",
    "/usr/share/seabios",
  ];
  return mountPoints(
    [...folders, paths.own],
    "/",
    [...files, ...disks].map((path) => ({ path, type: "file" as const })),
  );
}

/** The configuration of the machine, in memory that only its hypervisor reads, and the folder that the hypervisor writes to. */
async function placeGuest(host: HostContext, from: Ingredients, { network, port }: Around): Promise<void> {
  const { record, image, content } = from;
  const server = serverPaths(host.paths, record.id);
  const user = machineUser(port.address);
  await freeMemory(server.machine);
  await mountMemory(server.machine, ownFolder);
  chownSync(server.machine, user, user);
  const hostname = hostnameOf(record.id);
  const config = guestConfig({
    ...{ id: record.id, hostname, release: record.release, image, content, layers: image.layers.length },
    hosts: hostsFile(record.address, hostname),
    resolvers: resolversFile(resolversFor(record.release.service)),
    network: {
      address: record.address,
      mask: formatAddress((2 ** 32 - 2 ** (32 - network.subnet.bits)) >>> 0),
      gateway: formatAddress(gateway(network.subnet)),
      mtu: network.mtu,
    },
    openFiles: openFilesLimit(),
  });
  await mountMemory(server.secrets, { bytes: config.length + spareBytes, inodes: 16 });
  writeFileSync(configFile(server), config, { mode: 0o400 });
  chownSync(configFile(server), user, user);
}

function configFile(server: ServerPaths): string {
  return join(server.secrets, "machine");
}

/** Room for its pages, and a folder. */
const spareBytes = 64 * 1024;

/**
 * What a hypervisor writes to is memory, and little of it: a guest that has taken over its kernel can send words to its status
 * port without end, which must not fill a disk of this machine.
 */
const ownFolder = { bytes: 128 * 1024, inodes: 16 };

interface Hypervisor {
  readonly accelerator: Accelerator;
  readonly binds: readonly Bind[];
}

/** QEMU in a container of its own: no user but its own, no capability, no file but what it needs. */
function configOf(
  host: HostContext,
  from: Ingredients,
  { port }: Around,
  { accelerator, binds }: Hypervisor,
): OciConfig {
  const { record, image } = from;
  const { shape } = record.release;
  const server = serverPaths(host.paths, record.id);
  const user = machineUser(port.address);
  const guestBytes = (shape.memoryBytes ?? usualMemoryBytes) + kernelBytes;
  const argv = hypervisorArgv({
    ...{ name: record.id, accelerator, layers: image.layers.length },
    memoryMiB: Math.ceil(guestBytes / mebibyte),
    processors: Math.max(1, Math.ceil(shape.cpus ?? 1)),
    ...{ link: machineAddress(port.address), tap: machineLink },
  });
  const disks = image.layers.map(({ file }, index) => ({ source: file, destination: paths.layer(index) }));
  const config = ociConfig({
    ...configBase(host, record, namespacePath(port.namespace)),
    image: { ...image, argv, env: [], uid: user, gid: user, groups: [], workingFolder: "/" },
    shape: { ...shape, writable: [], env: {}, memoryBytes: guestBytes + hypervisorBytes },
    binds: [...binds, ...disks, { source: configFile(server), destination: paths.config }],
    ...{ volumes: [{ source: server.machine, destination: paths.own }], variables: [] },
    ...{ userNamespace: undefined, init: undefined, devices: [] },
  });
  return withDevices(withPrograms(config), accelerator, user);
}

function withPrograms(config: OciConfig): OciConfig {
  const options = ["bind", "ro", "nosuid", "nodev"];
  const programs = programBinds().map(({ source, destination }) => ({
    source,
    destination,
    type: "bind",
    options,
  }));
  return { ...config, mounts: [...config.mounts, ...programs] };
}

const tun = { path: "/dev/net/tun", major: 10, minor: 200 };
const kvm = { path: "/dev/kvm", major: 10, minor: 232 };

function withDevices(config: OciConfig, accelerator: Accelerator, user: number): OciConfig {
  const all = accelerator === "kvm" ? [tun, kvm] : [tun];
  const { linux } = config;
  const rules = all.map(({ major, minor }) => ({
    allow: true,
    type: "c" as const,
    major,
    minor,
    access: "rw",
  }));
  const devices = all.map((one) => ({ ...one, type: "c", fileMode: 0o600, uid: user, gid: user }));
  const resources = { ...linux.resources, devices: [...(linux.resources.devices ?? []), ...rules] };
  return { ...config, linux: { ...linux, devices, resources } };
}

/** How long QEMU may take until its machine is whole: on a busy machine, seconds. */
const wholeMs = 30_000;

/** It has read what it tells the machine once it answers: that need not stay anywhere else. */
async function begun(host: HostContext, record: ServerRecord, call: Call): Promise<void> {
  const server = serverPaths(host.paths, record.id);
  const process = record.running?.process;
  const isThere = () =>
    existsSync(join(server.machine, sockets.monitor)) || process === undefined || !isAlive(process);
  await waitUntil(host.clock, wholeMs, isThere, call.signal);
  try {
    await askMonitor(server.machine, sockets.monitor, ["query-status"], call.signal);
  } catch (error) {
    call.signal.throwIfAborted();
    throw new KilnError(
      "server_failed",
      `${record.id} cannot start: its hypervisor has ended: ${saidLast(server)}`,
      {
        cause: toKilnError(error),
      },
    );
  }
  truncateSync(configFile(server), 0);
}

/** conmon's log: `TIME STREAM TAG TEXT`. */
function saidLast(server: ServerPaths): string {
  const line = (readIfThere(server.log) ?? "").trim().split("\n").at(-1) ?? "";
  return line.split(" ").slice(3).join(" ") || "it has not said why";
}

/** A machine whose program has not begun has no one to ask. */
async function askToEnd(host: HostContext, record: ServerRecord): Promise<boolean> {
  const server = serverPaths(host.paths, record.id);
  if (!/^started$/m.test(readTold(server) ?? "")) return false;
  try {
    const socket = await connectIn(server.machine, sockets.control);
    socket.unref(); // open until its hypervisor ends: what was sent must not be lost
    socket.write(`stop ${record.stopSignal}\n`);
    return true;
  } catch (error) {
    host.log.warn(
      { server: record.id, error: toKilnError(error).message },
      "the machine cannot be asked to end",
    );
    return false;
  }
}
