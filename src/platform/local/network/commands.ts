import { existsSync } from "node:fs";
import type { ServerId } from "../../../domain/ids.ts";
import {
  formatAddress,
  formatSubnet,
  gateway,
  macAddress,
  type Subnet,
  subnetSize,
} from "../../linux/addresses.ts";
import { gateway6, gatewayOf, serversPrefix, type UniqueLocalPrefix } from "../../linux/unique-local.ts";
import { ownerOf } from "../server/user-namespaces.ts";
import { nameWays } from "./names/assignment.ts";

/** The network of one installation. */
export interface Network {
  readonly tag: string;
  readonly subnet: Subnet;
  /** Largest packet in bytes that the way out of the machine takes, and so the links of servers that are made now. */
  readonly mtu: number;
  /** What the bridge takes while a server has a link with less. Absent: `mtu`. */
  readonly bridgeMtu?: number | undefined;
  /** Absent: none was chosen yet. */
  readonly ipv6?: {
    readonly prefix: UniqueLocalPrefix;
    /** Whether the machine has IPv6 now. */
    readonly isOn: boolean;
  };
}

/** Undefined while there is no IPv6 for servers. */
export function prefixOf({ ipv6 }: Network): UniqueLocalPrefix | undefined {
  return ipv6?.isOn ? ipv6.prefix : undefined;
}

/** What a running server's network is known by. */
export interface ServerPort {
  readonly id: ServerId;
  readonly port: Port;
  /** Its first process. */
  readonly pid: number;
  /** Its address belongs to a machine that its link leads to. */
  readonly isMachine?: boolean;
  /** Of its link. Absent: it was made by a Kiln that did not record it. */
  readonly mtu?: number | undefined;
}

/** Names of what one server has in the kernel's network. */
export interface Port {
  /** Network namespace, as `ip netns` names it. */
  readonly namespace: string;
  /** The host's end of the veth pair; at most 15 bytes (IFNAMSIZ, netdevice(7)). */
  readonly link: string;
  readonly address: number;
  /** Absent: it has none. */
  readonly address6?: string | undefined;
}

export function bridgeName(tag: string): string {
  return `kiln-${tag}`;
}

export function portOf({ tag, subnet }: Network, id: string, address: number): Port {
  return { namespace: `kiln-${tag}-${id}`, link: `k${tag}.${address - subnet.base}`, address };
}

export function namespacePath(namespace: string): string {
  return `/run/netns/${namespace}`;
}

/**
 * The route that takes what no better one does: without the bridge's own route, packets to servers come back as unreachable
 * and never leave the machine by its default gateway. Protocol and metric show whose it is.
 */
export function guardRoute(tag: string): { readonly protocol: string; readonly metric: number } {
  return { protocol: "107", metric: 2 ** 31 + (Number.parseInt(tag, 16) % 2 ** 31) };
}

/**
 * Lines for `ip -batch`, in the host's namespace. The server's namespace is that of the process `holder`, or a new one.
 * Isolated ports of a bridge do not see each other. The last line asks by which link the machine's packets to the server leave.
 */
export function attachBatch(
  { tag, mtu }: Network,
  { namespace, link, address }: Port,
  holder: number | undefined,
): string {
  const peer = `peer name eth0 address ${macAddress(address)} mtu ${mtu} netns ${namespace}`;
  return lines(
    holder === undefined ? `netns add ${namespace}` : `netns attach ${namespace} ${holder}`,
    `link add name ${link} mtu ${mtu} type veth ${peer}`,
    ...withoutLinkLocal(link),
    `link set ${link} master ${bridgeName(tag)} up`,
    `link set ${link} type bridge_slave isolated on`,
    `route get ${formatAddress(address)}`,
  );
}

/** All links in a server's namespace, by what forwards its packets there. */
export const insideLinks = { process: ["lo", "eth0"], machine: ["lo", "eth0", "br0", "tap0"] } as const;

/** Lines for `ip -batch`, in the server's namespace. */
export function configureBatch({ subnet }: Network, { address, address6 }: Port): string {
  return lines(
    "link set lo up",
    ...withoutLinkLocal("eth0"),
    `addr add ${formatAddress(address)}/${subnet.bits} dev eth0`,
    "link set eth0 up",
    `route add default via ${formatAddress(gateway(subnet))}`,
    ...(address6 === undefined
      ? []
      : [`addr add ${address6}/64 dev eth0 nodad`, `route add default via ${gatewayOf(address6)} dev eth0`]),
  );
}

/** The link of the machine that a server is: tap of Documentation/networking/tuntap.rst. */
export const machineLink = "tap0";

/** Who may use the tap, as a user of this machine: one of no other server. */
export function machineUser(address: number): number {
  return ownerOf(address);
}

/** MAC address of the machine that the port leads to. The port has another one: it would keep what is for its own. */
export function machineAddress(address: number): string {
  return macAddress(address).replace(/^02/, "06");
}

/** Lines for `ip -batch`, in the server's namespace: only the machine has an address, which the bridge leads to. */
export function machineBatch({ mtu }: Network, { address }: Port): string {
  return lines(
    "link set lo up",
    `link add br0 mtu ${mtu} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `tuntap add dev ${machineLink} mode tap user ${machineUser(address)}`,
    ...["br0", "eth0", machineLink].flatMap(withoutLinkLocal),
    `link set ${machineLink} mtu ${mtu} master br0 up`,
    "link set eth0 master br0 up",
    "link set br0 up",
  );
}

/** The only packet filter in a server's namespace, as nft lists it. */
export const machineTable = "table bridge kiln";

/**
 * For `nft -f -`, in the server's namespace: a guest whose kernel was taken over can send any frame. Only those pass that have the addresses
 * of its own machine, so that it can neither stand for another server, whose requests it would get, nor fill tables with senders that do not exist.
 */
export function machineRules({ address }: Port): string {
  const mac = machineAddress(address);
  const ip = formatAddress(address);
  return lines(
    `${machineTable} {`,
    "  chain forward {",
    "    type filter hook forward priority filter; policy drop;",
    '    iifname "eth0" accept',
    `    ether saddr ${mac} ip saddr ${ip} accept`,
    `    ether saddr ${mac} arp saddr ether ${mac} arp saddr ip ${ip} accept`,
    "  }",
    "}",
  );
}

/** The kernel gives a link no address by itself. A kernel without IPv6 refuses the word. */
export function withoutLinkLocal(link: string): readonly string[] {
  return existsSync("/proc/sys/net/ipv6") ? [`link set ${link} addrgenmode none`] : [];
}

/** Lines for `ip -force -batch`: whichever of them is there. */
export function detachBatch({ namespace, link }: Port): string {
  return lines(`link del ${link}`, `netns del ${namespace}`);
}

/**
 * How many connections of one server's making may be open at once, as connection tracking counts them (nf_conncount): TCP
 * ones that have ended are none. The table that all share has room for 262,144 on a machine with 4 GiB (nf_conntrack_max).
 * What would be one more is dropped. Counting takes longer the more there are, which is a reason for no more.
 */
export const mostConnections = 8_192;
const capped = (set: string, from: string) => `add @${set} { ${from} ct count over ${mostConnections} } drop`;

/**
 * For `nft -f -`, as one transaction that may be repeated: servers reach the world through the machine's address;
 * only the machine itself opens connections to them, and they open none to each other, but for datagrams that the router leads to them. Of the machine they reach by IPv6
 * what names lead to, and no server fills the table of connections that all share.
 */
export function filterRules(network: Network): string {
  const { tag, subnet } = network;
  const prefix = prefixOf(network);
  const bridge = bridgeName(tag);
  const { set6, input6, forward6, postrouting6 } =
    prefix === undefined ? noIpv6 : ipv6Rules(bridge, subnet, prefix);
  return lines(
    ...removeFilterRules(tag).trimEnd().split("\n"),
    `table inet ${bridge} {`,
    "  set connections {",
    `    type ipv4_addr; size ${subnetSize(subnet)}; flags dynamic;`,
    "  }",
    ...set6,
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    ip saddr ${formatSubnet(subnet)} oifname != "${bridge}" masquerade`,
    // Datagrams that the router led to a server: from another server, or from the machine itself at 127.0.0.1, whose answers must come back here.
    `    ip saddr { 127.0.0.0/8, ${formatSubnet(subnet)} } oifname "${bridge}" ct status dnat masquerade`,
    ...postrouting6,
    "  }",
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    ...input6,
    `    iifname "${bridge}" meta nfproto ipv6 drop`,
    `    iifname "${bridge}" ct state new ${capped("connections", "ip saddr")}`,
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    `    iifname "${bridge}" ct state new ${capped("connections", "ip saddr")}`,
    ...forward6,
    `    oifname "${bridge}" iifname != "${bridge}" ct state established,related accept`,
    `    oifname "${bridge}" meta nfproto ipv4 meta l4proto udp ct status dnat accept`,
    `    oifname "${bridge}" drop`,
    "  }",
    "}",
  );
}

type Ipv6Rules = Readonly<Record<"set6" | "input6" | "forward6" | "postrouting6", readonly string[]>>;

const noIpv6: Ipv6Rules = { set6: [], input6: [], forward6: [], postrouting6: [] };

function ipv6Rules(bridge: string, subnet: Subnet, prefix: UniqueLocalPrefix): Ipv6Rules {
  const servers = serversPrefix(prefix);
  const from = `iifname "${bridge}" ip6 saddr ${servers}`;
  return {
    set6: ["  set connections6 {", `    type ipv6_addr; size ${subnetSize(subnet)}; flags dynamic;`, "  }"],
    input6: [
      `    ${from} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`,
      `    ${from} ct state new ${capped("connections6", "ip6 saddr")}`,
      `    ${from} ct state established,related accept`,
      `    ${from} ip6 daddr ${gateway6(prefix)} icmpv6 type echo-request accept`,
      `    ${from} ct status dnat th dport ${nameWays.first}-${nameWays.last} accept`,
      `    ${from} meta l4proto tcp reject with tcp reset`,
      `    ${from} reject`,
    ],
    forward6: [
      `    ${from} ct state new ${capped("connections6", "ip6 saddr")}`,
      `    iifname "${bridge}" meta nfproto ipv6 ip6 saddr != ${servers} drop`,
    ],
    postrouting6: [`    ip6 saddr ${servers} oifname != "${bridge}" masquerade`],
  };
}

/** Adding first makes the removal of what isn't there succeed. */
export function removeFilterRules(tag: string): string {
  return lines(`add table inet ${bridgeName(tag)}`, `delete table inet ${bridgeName(tag)}`);
}

/** Programs that may have set a policy of forwarding, and what they print with `-S FORWARD`. Absent: not installed. */
export type ForwardLists = Readonly<Partial<Record<(typeof forwardPrograms)[number], string>>>;
export const forwardPrograms = ["iptables", "ip6tables"] as const;

/**
 * Where something else (Docker, ufw) has set the FORWARD policy to DROP, an accept in our own table is not enough:
 * a packet must pass every table. Arguments of the missing calls, from what the program prints.
 */
export function forwardRules(tag: string, present = ""): readonly (readonly string[])[] {
  const lines = present.split("\n");
  if (!lines.includes("-P FORWARD DROP")) return [];
  return ourForwardRules(tag)
    .filter((rule) => !lines.includes(`-A FORWARD ${rule.join(" ")}`))
    .map((rule) => ["-w", "-I", "FORWARD", ...rule]);
}

/** Arguments of the calls that take them away again. */
export function removeForwardRules(tag: string, present = ""): readonly (readonly string[])[] {
  const lines = present.split("\n");
  return ourForwardRules(tag)
    .filter((rule) => lines.includes(`-A FORWARD ${rule.join(" ")}`))
    .map((rule) => ["-w", "-D", "FORWARD", ...rule]);
}

function ourForwardRules(tag: string): readonly (readonly string[])[] {
  const bridge = bridgeName(tag);
  return [
    ["-i", bridge, "-j", "ACCEPT"],
    ["-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    ["-o", bridge, "-p", "udp", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"],
  ];
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
