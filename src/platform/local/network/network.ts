import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import type { Clock } from "../../../lib/clock.ts";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/exec.ts";
import { readTextIfExists, writeFileAtomic } from "../../../lib/files.ts";
import type { HostPaths } from "../paths.ts";
import { chooseSubnet, formatSubnet, overlap, parseSubnet, type Subnet } from "./addresses.ts";
import {
  attachBatch,
  bridgeBatch,
  bridgeName,
  configureBatch,
  detachBatch,
  filterRules,
  forwardRules,
  type Network,
  namespacePath,
  type Port,
  removeFilterRules,
  removeForwardRules,
} from "./commands.ts";
import { readResolvers } from "./resolvers.ts";

const ipForward = "/proc/sys/net/ipv4/ip_forward";
/** Somebody may flush the machine's packet filter at any time; writing our rules again costs 4 ms. */
const rulesFreshMs = 10_000;

/** Bridge, packet filter and ports of one installation. Callers hold the host's lock for `ensure` and `remove`. */
export interface LocalNetwork {
  /** Makes whatever is missing of bridge, filter rules and forwarding. */
  ensure(): Promise<Network>;
  /** Removes all of it. The choice of addresses stays on record. */
  remove(): Promise<void>;
}

export function localNetwork(paths: HostPaths, tag: string, clock: Clock): LocalNetwork {
  let rulesAtMs = Number.NEGATIVE_INFINITY;
  return {
    ensure: async () => {
      mkdirSync(paths.host, { recursive: true, mode: 0o700 });
      const network = await readNetwork(paths, tag);
      const bridgeMissing = !linkExists(bridgeName(tag));
      if (bridgeMissing) await makeBridge(network);
      if (bridgeMissing || clock.elapsed() - rulesAtMs > rulesFreshMs) {
        await writeRules(network);
        rulesAtMs = clock.elapsed();
      }
      return network;
    },
    remove: async () => {
      rulesAtMs = Number.NEGATIVE_INFINITY;
      if (recordedNetwork(paths, tag)) await removeNetwork(tag);
    },
  };
}

const recordSchema = z.object({ subnet: z.string(), mtu: z.int() });

/** The addresses of this installation: chosen once, recorded, and chosen anew only while no bridge uses them. */
async function readNetwork(paths: HostPaths, tag: string): Promise<Network> {
  const text = await readTextIfExists(paths.network);
  if (text !== undefined) {
    const { subnet, mtu } = recordSchema.parse(JSON.parse(text));
    const recorded = parseSubnet(subnet);
    if (recorded && (linkExists(bridgeName(tag)) || isFree(recorded, (await readRoutes()).taken))) {
      return { tag, subnet: recorded, mtu };
    }
  }
  return chooseNetwork(paths, tag);
}

async function chooseNetwork(paths: HostPaths, tag: string): Promise<Network> {
  const { taken, uplink } = await readRoutes();
  const subnet = chooseSubnet(tag, taken);
  if (!subnet) {
    throw new KilnError(
      "platform_unusable",
      "No free private network is left for servers within 10.192.0.0/10.",
      {
        hint: "`ip route show table all` lists the networks that this machine knows.",
      },
    );
  }
  const mtu = linkMtu(uplink);
  await writeFileAtomic(paths.network, JSON.stringify({ subnet: formatSubnet(subnet), mtu }));
  return { tag, subnet, mtu };
}

function isFree(subnet: Subnet, taken: readonly Subnet[]): boolean {
  return !taken.some((other) => overlap(subnet, other));
}

const routesSchema = z.array(z.object({ dst: z.string(), dev: z.string().optional() }));

/** Every network that this machine has a route to or a resolver in, and the link that leads to the world. */
async function readRoutes(): Promise<{ taken: readonly Subnet[]; uplink: string | undefined }> {
  const { stdout } = await exec(["ip", "-json", "-4", "route", "show", "table", "all"]);
  const routes = routesSchema.parse(JSON.parse(stdout || "[]"));
  const known = [...routes.map(({ dst }) => dst), ...readResolvers().addresses];
  return {
    taken: known.map(parseSubnet).filter((subnet) => subnet !== undefined),
    uplink: routes.find(({ dst }) => dst === "default")?.dev,
  };
}

function linkMtu(link: string | undefined): number {
  if (link === undefined) return 1500;
  return Number(readFileSync(`/sys/class/net/${link}/mtu`, "utf8"));
}

function linkExists(link: string): boolean {
  return existsSync(`/sys/class/net/${link}`);
}

async function makeBridge(network: Network): Promise<void> {
  // The first `ip netns add` on a machine mounts /run/netns, and several at once stumble over each other.
  const warmUp = `netns add kiln-${network.tag}\nnetns del kiln-${network.tag}\n`;
  await exec(["ip", "-batch", "-"], { input: bridgeBatch(network) + warmUp });
  if (readFileSync(ipForward, "utf8").trim() !== "1") writeFileSync(ipForward, "1");
}

async function writeRules(network: Network): Promise<void> {
  await Promise.all([
    exec(["nft", "-f", "-"], { input: filterRules(network) }),
    changeForwarding((present) => forwardRules(network.tag, present)),
  ]);
}

async function removeNetwork(tag: string): Promise<void> {
  await Promise.all([
    exec(["nft", "-f", "-"], { input: removeFilterRules(tag) }),
    changeForwarding((present) => removeForwardRules(tag, present)),
  ]);
  if (linkExists(bridgeName(tag))) await exec(["ip", "link", "del", bridgeName(tag)]);
}

/** Only where iptables is installed: without it, nothing else can have set a policy with it. */
async function changeForwarding(changes: (present: string) => readonly (readonly string[])[]): Promise<void> {
  const present = await listForwarding();
  for (const args of changes(present)) await exec(["iptables", ...args]);
}

async function listForwarding(): Promise<string> {
  try {
    return (await exec(["iptables", "-w", "-S", "FORWARD"], { accept: "any" })).stdout;
  } catch (error) {
    if (error instanceof KilnError && error.code === "tool_missing") return "";
    throw error;
  }
}

/** Makes the server's namespace and its veth pair. `configurePort` completes it. */
export async function attachPort(network: Network, port: Port): Promise<void> {
  await exec(["ip", "-batch", "-"], { input: attachBatch(network, port) });
}

/** Gives the server's end its address and its way out. */
export async function configurePort(network: Network, port: Port): Promise<void> {
  const argv = ["nsenter", `--net=${namespacePath(port.namespace)}`, "ip", "-batch", "-"] as const;
  await exec([...argv], { input: configureBatch(network, port) });
}

/** Removes whatever is there of namespace and veth pair. */
export async function detachPort(port: Port): Promise<void> {
  if (!portExists(port)) return;
  const { stderr } = await exec(["ip", "-force", "-batch", "-"], { input: detachBatch(port), accept: "any" });
  if (portExists(port)) {
    throw new KilnError(
      "command_failed",
      `The network namespace ${port.namespace} cannot be removed: ${stderr.trim()}`,
      {
        retry: true,
      },
    );
  }
}

function portExists({ link, namespace }: Port): boolean {
  return linkExists(link) || existsSync(namespacePath(namespace));
}

/** The choice on record, for what must be found without making anything. */
export function recordedNetwork(paths: HostPaths, tag: string): Network | undefined {
  try {
    const { subnet, mtu } = recordSchema.parse(JSON.parse(readFileSync(paths.network, "utf8")));
    const parsed = parseSubnet(subnet);
    return parsed && { tag, subnet: parsed, mtu };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
