import type { ServiceKey } from "../../../../domain/ids.ts";
import { environmentOf, mayReach } from "../../../../domain/spec/network.ts";
import { cloudMetadata } from "../../../../lib/net/addresses.ts";
import { formatAddress, formatSubnet, gateway, macAddress, parseAddress } from "../../../linux/addresses.ts";
import { gateway6, namesPrefix, type UniqueLocalPrefix } from "../../../linux/unique-local.ts";
import { bridgeName, type Network, prefixOf } from "../commands.ts";
import { type Name, nameAddresses, nameAddressOf, resolverAddress, resolverPort } from "./assignment.ts";

/** A server as one who asks. */
export interface Caller {
  readonly service: ServiceKey;
  readonly address: string;
  /** Absent: it has none. */
  readonly address6?: string | undefined;
  /** Its release has `network.metadata`. */
  readonly metadata?: boolean | undefined;
}

export function namesTable(tag: string): string {
  return `${bridgeName(tag)}-names`;
}

/**
 * For `nft -f -`, as one transaction that may be repeated: names lead servers to the router, each to those services that it
 * may reach, and no server gets around that by the router's ports. A connection keeps the way that it began with. By IPv6 a server
 * could send from any address (IPV6_FREEBIND needs no right): only its own one passes. What clouds tell the machine is closed to
 * servers whose release does not ask for it.
 */
export function nameRules(network: Network, names: readonly Name[], callers: readonly Caller[]): string {
  const bridge = bridgeName(network.tag);
  const at = formatAddress(gateway(network.subnet));
  const from = `iifname "${bridge}"`;
  const ours = [resolverPort, ...names.flatMap(({ ways }) => ways.map(({ listen }) => listen))].join(", ");
  const audiences = audiencesOf(names, callers);
  const toNames = `${from} ip daddr ${formatSubnet(nameAddresses)}`;
  const prefix = prefixOf(network);
  return lines(
    ...removeNameRules(network.tag).trimEnd().split("\n"),
    `table inet ${namesTable(network.tag)} {`,
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    `    ${from} ip daddr ${resolverAddress} meta l4proto { tcp, udp } th dport 53 dnat ip to ${at}:${resolverPort}`,
    ...byAudience(names, audiences).map(
      ([audience, led]) =>
        `    ${from} ip saddr { ${audience} } dnat ip to ip daddr . tcp dport map { ${waysOf(led, at)} }`,
    ),
    ...(prefix === undefined ? [] : ledByIpv6(from, names, callers, prefix)),
    "  }",
    ...(prefix === undefined ? [] : ownAddresses(from, callers)),
    ...closedMetadata(from, callers),
    ...datagrams(from, names, audiences),
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    `    ip daddr ${at} th dport { ${ours} } iifname != "lo" ct status and dnat != dnat drop`,
    ...(prefix === undefined
      ? []
      : [
          `    ip6 daddr ${gateway6(prefix)} th dport { ${ours} } iifname != "lo" ct status and dnat != dnat drop`,
        ]),
    ...publicPorts(names, audiences).map(
      ([audience, ports]) =>
        `    ${from} tcp dport { ${ports.join(", ")} } ${audience === "" ? "" : `ip saddr != { ${audience} } `}reject with tcp reset`,
    ),
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    `    ${toNames} meta l4proto tcp reject with tcp reset`,
    `    ${toNames} reject`,
    "  }",
    "}",
  );
}

/** Where no name leads, a client comes to a port at which nothing listens by IPv6, and the kernel refuses it at once. */
const closedPort = resolverPort;

function ledByIpv6(
  from: string,
  names: readonly Name[],
  callers: readonly Caller[],
  prefix: UniqueLocalPrefix,
): readonly string[] {
  const at = gateway6(prefix);
  const ways = ({ address, ways }: Name) =>
    ways.map(({ port, listen }) => `${nameAddressOf(prefix, address)} . ${port} : ${at} . ${listen}`);
  const audiences = audiencesOf(names, callers, "address6");
  const open = names.filter((name) => name.ipv6);
  return [
    ...byAudience(open, audiences).map(
      ([audience, led]) =>
        `    ${from} ip6 saddr { ${audience} } dnat ip6 to ip6 daddr . tcp dport map { ${led.flatMap(ways).join(", ")} }`,
    ),
    `    ${from} ip6 daddr ${namesPrefix(prefix)} meta l4proto { tcp, udp } dnat ip6 to [${at}]:${closedPort}`,
  ];
}

function ownAddresses(from: string, callers: readonly Caller[]): readonly string[] {
  const own = callers.flatMap(({ address, address6 }) =>
    address6 === undefined ? [] : [`${macAddress(parseAddress(address) ?? 0)} . ${address6}`],
  );
  const others = own.length === 0 ? "" : ` ether saddr . ip6 saddr != { ${own.sort().join(", ")} }`;
  return [
    "  chain sources {",
    "    type filter hook prerouting priority raw; policy accept;",
    `    ${from} meta nfproto ipv6${others} drop`,
    "  }",
  ];
}

/**
 * Before anything translates the address: agents on the machine may listen for it. Resolvers of some clouds are at these addresses too.
 * Linux 5.9 rejects here.
 */
function closedMetadata(from: string, callers: readonly Caller[]): readonly string[] {
  const open = callers.filter(({ metadata }) => metadata);
  const closed = (family: "ip" | "ip6", kind: "address" | "address6", to: readonly string[]) => {
    const readers = addressesOf(open, kind, () => true).join(", ");
    const others = readers === "" ? "" : ` ${family} saddr != { ${readers} }`;
    return `    ${from} ${family} daddr { ${to.join(", ")} }${others}`;
  };
  const rules = [closed("ip", "address", cloudMetadata.ipv4), closed("ip6", "address6", cloudMetadata.ipv6)];
  return [
    "  chain metadata {",
    "    type filter hook prerouting priority raw; policy accept;",
    `    ${from} meta l4proto { tcp, udp } th dport 53 accept`,
    ...rules.flatMap((rule) => [`${rule} meta l4proto tcp reject with tcp reset`, `${rule} reject`]),
    "  }",
  ];
}

/**
 * The router translates datagrams in a table of its own, for everyone; so it is decided before, and what is not let in is refused. Linux
 * 5.9 rejects here.
 */
function datagrams(from: string, names: readonly Name[], audiences: Audiences): readonly string[] {
  const led = names.filter((name) => name.datagrams !== undefined);
  const open = Map.groupBy(led, ({ service }) => (audiences.get(service) ?? []).join(", "));
  const placesOf = (some: readonly Name[]) =>
    some.flatMap((name) => (name.datagrams?.ports ?? []).map((port) => `${name.address} . ${port}`));
  const shown = led.map((name) => ({ ...name, public: name.datagrams?.public ?? [] }));
  return [
    "  chain datagrams {",
    "    type filter hook prerouting priority raw; policy accept;",
    ...sorted(open)
      .filter(([audience, some]) => audience !== "" && placesOf(some).length > 0)
      .map(
        ([audience, some]) =>
          `    ${from} ip saddr { ${audience} } ip daddr . udp dport { ${placesOf(some).join(", ")} } accept`,
      ),
    `    ${from} ip daddr ${formatSubnet(nameAddresses)} ip daddr != ${resolverAddress} meta l4proto udp reject`,
    ...publicPorts(shown, audiences).map(
      ([audience, ports]) =>
        `    ${from} fib daddr type local udp dport { ${ports.join(", ")} } ${audience === "" ? "" : `ip saddr != { ${audience} } `}reject`,
    ),
    "  }",
  ];
}

/** Adding first makes the removal of what isn't there succeed. */
export function removeNameRules(tag: string): string {
  return lines(`add table inet ${namesTable(tag)}`, `delete table inet ${namesTable(tag)}`);
}

/** By service: the addresses of the servers that may reach it, in order. */
type Audiences = ReadonlyMap<ServiceKey, readonly string[]>;

function audiencesOf(
  names: readonly Name[],
  callers: readonly Caller[],
  kind: "address" | "address6" = "address",
): Audiences {
  const known = new Map<string, readonly string[]>();
  const find = ({ service, allow }: Name): readonly string[] => {
    // Those that state nothing have one audience in each environment.
    const key = allow === undefined ? `all ${environmentOf(service) ?? ""}` : `${service} ${allow.join(" ")}`;
    const found = known.get(key) ?? addressesOf(callers, kind, (caller) => mayReach(caller, service, allow));
    known.set(key, found);
    return found;
  };
  return new Map(names.map((name) => [name.service, find(name)]));
}

function addressesOf(
  callers: readonly Caller[],
  kind: "address" | "address6",
  may: (service: ServiceKey) => boolean,
): readonly string[] {
  return callers
    .filter(({ service }) => may(service))
    .flatMap((caller) => caller[kind] ?? [])
    .sort();
}

/** Services with one audience share a rule. */
function byAudience(
  names: readonly Name[],
  audiences: Audiences,
): readonly (readonly [string, readonly Name[]])[] {
  const led = names.filter(({ ways }) => ways.length > 0);
  const groups = Map.groupBy(led, ({ service }) => (audiences.get(service) ?? []).join(", "));
  return sorted(groups).filter(([audience]) => audience !== "");
}

function waysOf(names: readonly Name[], at: string): string {
  return names
    .flatMap(({ address, ways }) =>
      ways.map(({ port, listen }) => `${address} . ${port} : ${at} . ${listen}`),
    )
    .join(", ");
}

/** At a port that several services share by host name, only who may reach all of them comes in. */
function publicPorts(
  names: readonly Name[],
  audiences: Audiences,
): readonly (readonly [string, readonly number[]])[] {
  const common = new Map<number, readonly string[]>();
  for (const name of names) {
    const audience = audiences.get(name.service) ?? [];
    const own = new Set(audience);
    for (const port of name.public)
      common.set(port, common.get(port)?.filter((address) => own.has(address)) ?? audience);
  }
  const ports = [...common.keys()].sort((a, b) => a - b);
  return sorted(Map.groupBy(ports, (port) => (common.get(port) ?? []).join(", ")));
}

function sorted<T>(groups: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
