import { existsSync, statSync } from "node:fs";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import { formatAddress, gateway } from "../../linux/addresses.ts";
import {
  bridgeName,
  type ForwardLists,
  forwardPrograms,
  type Network,
  namespacePath,
  prefixOf,
  type ServerPort,
} from "./commands.ts";
import { type ResolverState, readResolver } from "./names/resolver.ts";
import { namesTable } from "./names/rules.ts";
import { readResolvers } from "./resolvers.ts";

/**
 * The machine is asked by which link it would reach this address: default routes, the halves that a VPN takes (0.0.0.0/1) and `ip rule` all count then.
 * One of the root name servers (root hints of IANA); nothing is sent there.
 */
export const somewhere = "198.41.0.4";

/** What `ip -json -details address` prints of a link, as far as it matters here: ip-address(8). */
const linkSchema = z.object({
  ifname: z.string(),
  flags: z.array(z.string()),
  mtu: z.number(),
  address: z.string().optional(),
  master: z.string().optional(),
  linkinfo: z
    .object({ info_slave_data: z.object({ isolated: z.boolean().optional() }).optional() })
    .optional(),
  addr_info: z.array(
    z.object({
      family: z.string().optional(),
      local: z.string().optional(),
      prefixlen: z.number().optional(),
    }),
  ),
});

const routeSchema = z.object({
  metrics: z.array(z.object({ mtu: z.int().optional() })).optional(),
  /** Of what was learned on the way to one address. */
  expires: z.unknown().optional(),
  type: z.string().default("unicast"),
  dst: z.string(),
  dev: z.string().optional(),
  protocol: z.string().optional(),
  metric: z.number().default(0),
  table: z.string().default("main"),
});

const ruleSchema = z.looseObject({
  priority: z.number(),
  src: z.string().optional(),
  table: z.string().optional(),
});

/** Of `ip -json -details route`: ip-route(8). */
export const routesSchema = z.array(routeSchema);

export type Link = Readonly<z.infer<typeof linkSchema>>;
export type Route = Readonly<z.infer<typeof routeSchema>>;
export type RoutingRule = Readonly<z.infer<typeof ruleSchema>>;

/** One look at the machine's network. */
export interface NetworkState {
  readonly links: ReadonlyMap<string, Link>;
  /** Of every routing table, IPv4. */
  readonly routes: readonly Route[];
  /** The same of IPv6; none is read while servers have no IPv6. */
  readonly routes6: readonly Route[];
  /** Policy rules of IPv4: ip-rule(8). */
  readonly rules: readonly RoutingRule[];
  /** By address of the subnet: the link that the machine's packets to it leave by. Those without a route are absent. */
  readonly ways: ReadonlyMap<string, string | undefined>;
  /** By which link the machine reaches the world. Absent: by none. */
  readonly uplink: Route | undefined;
  /** Our packet filter table, as nft lists it; undefined when it is not there. */
  readonly filter: string | undefined;
  /** The same of the table that leads names to services. */
  readonly nameFilter: string | undefined;
  readonly resolver: ResolverState;
  /** Chains of others that drop forwarded packets unless a rule accepts them: `inet firewalld filter_FORWARD`. */
  readonly dropping: readonly string[];
  /** Whether the machine forwards IPv4 packets at all, and those that come from the bridge. */
  readonly forwards: boolean;
  readonly forwards6: boolean;
  /** Links that have got a default route by a router's advertisement, and would ignore the next one if the machine forwarded (accept_ra is 1). */
  readonly advertised: readonly string[];
  readonly iptables: ForwardLists;
  /** How many name servers of the machine a server can reach. */
  readonly nameServers: number;
  /** By server. */
  readonly insides: ReadonlyMap<string, Inside>;
}

/** A running server's network namespace, as /proc shows it from outside. */
export interface Inside {
  /** Whether the name in /run/netns leads to the namespace that the server's process is in. */
  readonly isNamed: boolean;
  /** /proc/PID/net/fib_trie: every address and route. */
  readonly addresses: string;
  /** /proc/PID/net/route: proc_net(5). */
  readonly routes: string;
  /** /proc/PID/net/if_inet6 and ipv6_route. */
  readonly addresses6: string;
  readonly routes6: string;
}

/** Reads all of it: some short processes and files, and six files for each server. */
export async function readState(network: Network, ports: readonly ServerPort[]): Promise<NetworkState> {
  const [ip, nft, iptables] = await Promise.all([
    readIp(network, ports),
    readFilter(network.tag),
    listForwarding(),
  ]);
  return {
    ...ip,
    ...nft,
    iptables,
    forwards: isOn(forwardFiles(network.tag)),
    forwards6: isOn(forwardFiles6(network.tag)),
    advertised: ip.routes6
      .filter(({ dst, protocol }) => dst === "default" && protocol === "ra")
      .flatMap(({ dev }) => dev ?? [])
      .filter((dev) => isOn([acceptFile(dev)])),
    resolver: readResolver(network.tag),
    nameServers: readResolvers().addresses.length,
    insides: new Map(ports.flatMap((port) => insideOf(port))),
  };
}

/** The two switches of forwarding; that of the bridge follows the other only when that one changes. */
export function forwardFiles(tag: string): readonly string[] {
  return ["/proc/sys/net/ipv4/ip_forward", `/proc/sys/net/ipv4/conf/${bridgeName(tag)}/forwarding`];
}

export function forwardFiles6(tag: string): readonly string[] {
  return ["/proc/sys/net/ipv6/conf/all/forwarding", `/proc/sys/net/ipv6/conf/${bridgeName(tag)}/forwarding`];
}

/** Whether routers are heard: 1 only while the machine forwards nothing, 2 always (ip-sysctl of the kernel). */
export function acceptFile(link: string): string {
  return `/proc/sys/net/ipv6/conf/${link}/accept_ra`;
}

function isOn(files: readonly string[]): boolean {
  return files.every((file) => readIfThere(file)?.trim() === "1");
}

type IpState = Pick<NetworkState, "links" | "routes" | "routes6" | "rules" | "ways" | "uplink">;

async function readIp(network: Network, ports: readonly ServerPort[]): Promise<IpState> {
  const prefix = prefixOf(network);
  const first = [gateway(network.subnet) + 1, ...ports.map(({ port }) => port.address)].map(formatAddress);
  const addresses = [...first, ...(prefix === undefined ? [] : [`${prefix}::2`])];
  const lines = [
    "address show",
    // The prefix tells which kind of addresses is meant; without one, all are listed together.
    "route show table all root 0.0.0.0/0",
    "route show table all root ::/0",
    "rule show",
    ...addresses.map((a) => `route get ${a}`),
    `route get ${somewhere}`,
  ];
  const argv = ["ip", "-json", "-details", "-force", "-batch", "-"] as const;
  // Where there is no route to an address, ip says so on stderr, and continues with the next line.
  const { stdout } = await exec([...argv], { input: `${lines.join("\n")}\n`, accept: "any" });
  const [links, routes, routes6, rules, ...ways] = stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line || "[]"));
  const found = ways.flatMap((way) => routesSchema.parse(way));
  return {
    links: new Map(
      z
        .array(linkSchema)
        .parse(links)
        .map((link) => [link.ifname, link]),
    ),
    routes: routesSchema.parse(routes),
    routes6: routesSchema.parse(routes6),
    rules: z.array(ruleSchema).parse(rules),
    ways: new Map(found.filter(({ dst }) => dst !== somewhere).map(({ dst, dev }) => [dst, dev])),
    uplink: found.find(({ dst }) => dst === somewhere),
  };
}

/** Stateless and terse: without counters and without what sets hold. */
const listArgv = ["nft", "--stateless", "--terse"] as const;

/** Several calls: in one, nft 1.0.6 lists the chains of our table alone. */
async function readFilter(tag: string): Promise<Pick<NetworkState, "filter" | "nameFilter" | "dropping">> {
  const list = (...what: readonly string[]) => exec([...listArgv, "list", ...what], { accept: "any" });
  const [table, names, chains] = await Promise.all([
    list("table", "inet", bridgeName(tag)),
    list("table", "inet", namesTable(tag)),
    list("chains"),
  ]);
  return {
    filter: table.code === 0 ? table.stdout : undefined,
    nameFilter: names.code === 0 ? names.stdout : undefined,
    dropping: droppingChains(chains.stdout),
  };
}

/** From what `nft list chains` prints: base chains of the forward hook whose policy is to drop. */
export function droppingChains(ruleset: string): readonly string[] {
  let table = "";
  let chain = "";
  const found: string[] = [];
  for (const line of ruleset.split("\n")) {
    table = /^table (\S+ \S+) /.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) /.exec(line)?.[1] ?? chain;
    if (/hook forward .*policy drop/.test(line) && /^(ip|ip6|inet) /.test(table))
      found.push(`${table} ${chain}`);
  }
  return found;
}

/** Two calls in one namespace: in the transaction that makes it, nft lists a table without its defaults. */
const tryAndList = `nft -f - && exec ${listArgv.join(" ")} list table inet "$0"`;

/**
 * The rules as this machine's nft lists them once the kernel has them: tried in a network namespace without a name, which
 * ends with the program, so that what is compared follows from what Kiln asks for and never from what it finds.
 */
export async function rulesetOf(table: string, rules: string): Promise<string> {
  const argv = ["unshare", "--net", "sh", "-c", tryAndList, table] as const;
  return (await exec([...argv], { input: rules })).stdout;
}

/** Without these programs nothing else can have set a policy with them. */
export async function listForwarding(): Promise<ForwardLists> {
  const lists = await Promise.all(
    forwardPrograms.map(async (program) => [program, await listForward(program)] as const),
  );
  return Object.fromEntries(
    lists.flatMap(([program, text]) => (text === undefined ? [] : [[program, text]])),
  );
}

async function listForward(program: string): Promise<string | undefined> {
  try {
    return (await exec([program, "-w", "-S", "FORWARD"], { accept: "any" })).stdout;
  } catch (error) {
    if (error instanceof KilnError && error.code === "tool_missing") return undefined;
    throw error;
  }
}

/** Nothing of a server whose process has ended meanwhile. */
function insideOf({ id, port, pid }: ServerPort): readonly (readonly [string, Inside])[] {
  const addresses = readIfThere(`/proc/${pid}/net/fib_trie`);
  const routes = readIfThere(`/proc/${pid}/net/route`);
  const addresses6 = readIfThere(`/proc/${pid}/net/if_inet6`) ?? "";
  const routes6 = readIfThere(`/proc/${pid}/net/ipv6_route`) ?? "";
  const own = inode(`/proc/${pid}/ns/net`);
  if (!addresses || routes === undefined || own === undefined) return [];
  const isNamed = inode(namespacePath(port.namespace)) === own;
  return [[id, { isNamed, addresses, routes, addresses6, routes6 }]];
}

function inode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH") || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

/** Whether there is a link of this name; cheaper than asking ip, and right in any network namespace. */
export function linkExists(link: string): boolean {
  return existsSync(`/proc/sys/net/ipv4/conf/${link}`);
}
