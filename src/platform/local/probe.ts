import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { isErrno, KilnError, toKilnError } from "../../lib/errors.ts";
import { exec } from "../../lib/process/exec.ts";
import { systemPackages } from "../../lib/system-packages.ts";
import type { Gap, Readiness } from "../contract/readiness.ts";
import { type CgroupSupport, isRootOccupied } from "../linux/cgroups.ts";
import { mount, mountErofs, readMountPoints, rootMountArgv, unmount } from "../linux/mounts.ts";
import type { HostContext } from "./context.ts";
import { ipv6Words } from "./network/choice.ts";
import { filterRules } from "./network/commands.ts";
import { whyNoIpv6 } from "./network/ipv6.ts";
import { noNameServers, readResolvers } from "./network/resolvers.ts";
import { probeIntegrity } from "./probe-integrity.ts";
import { findProgram } from "./programs.ts";
import { orphans } from "./server/orphans.ts";
import { serverPorts } from "./server/server-ports.ts";
import { remedyFor, trialOwner } from "./server/user-namespaces.ts";
import { tryVolumes } from "./volumes/try-volumes.ts";

/** What one look at the machine has brought. */
interface Finding {
  readonly facts?: readonly string[];
  readonly gaps?: readonly Gap[];
}

/** How programs print their versions; the other programs only have to exist. */
const versionOptions: Readonly<Record<string, string>> = {
  runc: "--version",
  conmon: "--version",
  "mkfs.erofs": "-V",
  ip: "-V",
  nft: "--version",
  nsenter: "--version",
  mount: "--version",
};

/** See `Host.probe`. Tries what can only be found out by trying, and leaves nothing. */
export async function probeLocalHost(host: HostContext): Promise<Readiness> {
  const isRoot = process.getuid?.() === 0;
  const found: Finding[] = [isRoot ? {} : notRoot(), ...(await probePrograms())];
  found.push(probeCgroups(host.cgroups), probeResolvers(), probeOrphans(host));
  const complete = found.every(({ gaps = [] }) => gaps.every(({ severity }) => severity !== "fatal"));
  if (complete) {
    found.push(...(await Promise.all([probeMounts(host), probeNetwork(host), probeUserNamespaces(host)])));
  }
  const gaps = found.flatMap((finding) => finding.gaps ?? []);
  return {
    usable: gaps.every(({ severity }) => severity !== "fatal"),
    gaps,
    facts: found.flatMap((finding) => finding.facts ?? []),
    ...(complete ? { integrity: { name: "none", facts: await probeIntegrity(host) } } : {}),
  };
}

function notRoot(): Finding {
  const gap: Gap = {
    what: "Starting servers on this machine needs root: it mounts images and makes network namespaces.",
    remedy: "Run kiln as root, or with sudo.",
    severity: "fatal",
    code: "not_root",
  };
  return { gaps: [gap] };
}

/** All but the router's, which looks for itself. */
async function probePrograms(): Promise<readonly Finding[]> {
  const needed = systemPackages().filter(({ name, when }) => when === "servers" && name !== "haproxy");
  return Promise.all(needed.flatMap(({ name, programs }) => programs.map((it) => probeProgram(it, name))));
}

async function probeProgram(name: string, debianPackage: string): Promise<Finding> {
  try {
    const path = findProgram(name);
    const option = versionOptions[name];
    if (option === undefined) return {};
    const { stdout, stderr } = await exec([path, option], { accept: "any", timeoutMs: 5_000 });
    const number = /\d+\.\d+[\w.+~-]*/.exec(stdout || stderr)?.[0];
    return { facts: [number === undefined ? name : `${name} ${number}`] };
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    return fatal(
      `The program ${name} is not installed.`,
      `Run \`kiln doctor --fix\` as root, or \`apt-get install ${debianPackage}\`.`,
    );
  }
}

function probeCgroups({ version, memory, cpu, pids }: CgroupSupport): Finding {
  if (isRootOccupied()) {
    return fatal(
      "This container's root cgroup has processes of its own, so servers next to them cannot have limits.",
      "Run Kiln on the machine itself, or start the container with systemd or with `--cgroupns=host`.",
    );
  }
  const limits = [
    { has: memory, what: "memory" },
    { has: cpu, what: "cpu" },
    { has: pids, what: "pids" },
  ];
  const missing = limits.filter(({ has }) => !has).map(({ what }) => what);
  return {
    facts: [`cgroup v${version}`],
    gaps: missing.map((what) => ({
      what: `The kernel cannot limit ${what}: the cgroup controller is missing.`,
      remedy: `Start the kernel with cgroup_enable=${what}, or accept servers without that limit.`,
      severity: "degraded" as const,
    })),
  };
}

function probeResolvers(): Finding {
  if (readResolvers().addresses.length > 0) return {};
  return degraded(`${noNameServers.what}.`, noNameServers.remedy);
}

function probeOrphans(host: HostContext): Finding {
  const found = orphans(host);
  if (found.length === 0) return {};
  return degraded(
    `Parts of servers without a record are left: ${found.join(", ")}.`,
    "A running controller removes them within seconds; `kiln controller start` starts one.",
  );
}

async function probeMounts(host: HostContext): Promise<Finding> {
  const made = mkdirSync(host.paths.host, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(host.paths.host, "probe-"));
  const layer = join(folder, "layer");
  const root = join(folder, "root");
  try {
    for (const name of ["content", "layer", "root"]) mkdirSync(join(folder, name));
    await exec(["mkfs.erofs", join(folder, "image"), join(folder, "content")]);
    await mountErofs(join(folder, "image"), layer);
    await mount(rootMountArgv(["content", "layer"], root), folder);
    const { facts, gaps } = await tryVolumes(folder);
    return { facts: ["erofs", "overlayfs", ...facts], gaps };
  } catch (error) {
    const { code, message } = toKilnError(error, host.paths.host);
    if (code === "disk_full") return fatal(message, "Free some space: `kiln gc` removes unused images.");
    return fatal(
      `Images cannot be mounted: ${message}`,
      "Kiln needs a kernel with erofs and overlayfs (Linux 5.4), loop devices before Linux 6.12, and the right to mount.",
    );
  } finally {
    for (const path of readMountPoints()
      .filter((path) => path === root || path === layer)
      .toReversed()) {
      await unmount(path);
    }
    rmSync(folder, { recursive: true, force: true });
    if (made !== undefined) removeEmptyFolders(host.paths.host, made);
  }
}

/** From `path` up to `top`, as far as no other program uses them. */
function removeEmptyFolders(path: string, top: string): void {
  try {
    rmdirSync(path);
    if (path !== top) removeEmptyFolders(dirname(path), top);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY") && !isErrno(error, "ENOENT")) throw error;
  }
}

/**
 * A bridge and a veth pair in a namespace that ends with `ip`, so that any number may look at once, and rules that are
 * checked but not set.
 */
async function probeNetwork(host: HostContext): Promise<Finding> {
  const { tag } = host;
  const facts = [
    "bridge, veth, nftables; IPv4 forwarding is switched on with the first server and left on",
    await ipv6Words(),
  ];
  const links = "link add probe type bridge\nlink add probe0 type veth peer name probe1\n";
  const ipv6 = { prefix: "fd00:1:1", isOn: whyNoIpv6() === undefined };
  const network = { tag, subnet: { base: 0, bits: 32 }, mtu: 1500, ipv6 };
  try {
    await Promise.all([
      exec(["unshare", "--net", "ip", "-batch", "-"], { input: links }),
      exec(["nft", "--check", "-f", "-"], { input: filterRules(network) }),
    ]);
    return { facts, gaps: await lookAtNetwork(host) };
  } catch (error) {
    return fatal(
      `Networks for servers cannot be made: ${toKilnError(error).message}`,
      "Kiln needs a kernel with bridge, veth and nftables, and the right to use them.",
    );
  }
}

async function probeUserNamespaces({ userNamespaces }: HostContext): Promise<Finding> {
  await using holder = userNamespaces.hold(trialOwner);
  const made = await holder.made;
  if (!("refused" in made)) return { facts: ["a user namespace for each server"] };
  return degraded(
    `Servers of one user share what the kernel counts for each (inotify instances, signals, locked memory), and servers of root share it with this machine: the kernel refuses user namespaces (${made.refused}).`,
    remedyFor(made.refused),
  );
}

/** What is wrong now with the network of the servers that run: the controller repairs it, or reports the same. */
async function lookAtNetwork(host: HostContext): Promise<readonly Gap[]> {
  if (process.getuid?.() !== 0) return [];
  const troubles = await host.network.compare(serverPorts(host, host.records.all()));
  const others = troubles.filter(({ message }) => message !== `${noNameServers.what}.`);
  return others.map(({ message, hint }) => ({
    what: message,
    remedy: hint ?? "A running controller repairs it within seconds.",
    severity: "degraded",
  }));
}

function fatal(what: string, remedy: string): Finding {
  return { gaps: [{ what, remedy, severity: "fatal" }] };
}

function degraded(what: string, remedy: string): Finding {
  return { gaps: [{ what, remedy, severity: "degraded" }] };
}
