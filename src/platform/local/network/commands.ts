import { formatAddress, formatSubnet, gateway, macAddress, type Subnet } from "./addresses.ts";

/** The network of one installation. */
export interface Network {
  readonly tag: string;
  readonly subnet: Subnet;
  /** Largest packet in bytes that the way out of the machine takes. */
  readonly mtu: number;
}

/** Names of what one server has in the kernel's network. */
export interface Port {
  /** Network namespace, as `ip netns` names it. */
  readonly namespace: string;
  /** The host's end of the veth pair; at most 15 bytes (IFNAMSIZ, netdevice(7)). */
  readonly link: string;
  readonly address: number;
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

/** Lines for `ip -batch`: the bridge. Its MAC address is fixed; by itself it would change with its ports. */
export function bridgeBatch({ tag, subnet, mtu }: Network): string {
  const bridge = bridgeName(tag);
  const own = gateway(subnet);
  return lines(
    `link add name ${bridge} address ${macAddress(own)} mtu ${mtu} type bridge mcast_snooping 0`,
    `addr add ${formatAddress(own)}/${subnet.bits} dev ${bridge}`,
    `link set ${bridge} up`,
  );
}

/** Lines for `ip -batch`, in the host's namespace. Isolated ports of a bridge do not see each other. */
export function attachBatch({ tag, mtu }: Network, { namespace, link, address }: Port): string {
  const peer = `peer name eth0 address ${macAddress(address)} mtu ${mtu} netns ${namespace}`;
  return lines(
    `netns add ${namespace}`,
    `link add name ${link} mtu ${mtu} type veth ${peer}`,
    `link set ${link} master ${bridgeName(tag)} up`,
    `link set ${link} type bridge_slave isolated on`,
  );
}

/** Lines for `ip -batch`, in the server's namespace. */
export function configureBatch({ subnet }: Network, { address }: Port): string {
  return lines(
    "link set lo up",
    `addr add ${formatAddress(address)}/${subnet.bits} dev eth0`,
    "link set eth0 up",
    `route add default via ${formatAddress(gateway(subnet))}`,
  );
}

/** Lines for `ip -force -batch`: whichever of them is there. */
export function detachBatch({ namespace, link }: Port): string {
  return lines(`link del ${link}`, `netns del ${namespace}`);
}

/**
 * For `nft -f -`, as one transaction that may be repeated: servers reach the world through the machine's address;
 * nobody but the machine itself opens connections to them, and they open none to each other.
 */
export function filterRules({ tag, subnet }: Network): string {
  const bridge = bridgeName(tag);
  return lines(
    ...removeFilterRules(tag).trimEnd().split("\n"),
    `table inet ${bridge} {`,
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    ip saddr ${formatSubnet(subnet)} oifname != "${bridge}" masquerade`,
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    `    oifname "${bridge}" iifname != "${bridge}" ct state established,related accept`,
    `    oifname "${bridge}" drop`,
    "  }",
    "}",
  );
}

/** Adding first makes the removal of what isn't there succeed. */
export function removeFilterRules(tag: string): string {
  return lines(`add table inet ${bridgeName(tag)}`, `delete table inet ${bridgeName(tag)}`);
}

/**
 * Where something else (Docker, ufw) has set the FORWARD policy to DROP, an accept in our own table is not enough:
 * a packet must pass every table. Arguments of the missing `iptables` calls, from what `iptables -S FORWARD` prints.
 */
export function forwardRules(tag: string, present: string): readonly (readonly string[])[] {
  const lines = present.split("\n");
  if (!lines.includes("-P FORWARD DROP")) return [];
  return ourForwardRules(tag)
    .filter((rule) => !lines.includes(`-A FORWARD ${rule.join(" ")}`))
    .map((rule) => ["-w", "-I", "FORWARD", ...rule]);
}

/** Arguments of the `iptables` calls that take them away again. */
export function removeForwardRules(tag: string, present: string): readonly (readonly string[])[] {
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
  ];
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
