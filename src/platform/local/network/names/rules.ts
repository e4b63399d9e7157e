import type { ServiceKey } from "../../../../domain/ids.ts";
import { environmentOf, mayReach } from "../../../../domain/spec/network.ts";
import { formatAddress, formatSubnet, gateway } from "../../../linux/addresses.ts";
import { bridgeName, type Network } from "../commands.ts";
import { type Name, nameAddresses, resolverAddress, resolverPort } from "./assignment.ts";

/** A server as one who asks. */
export interface Caller {
  readonly service: ServiceKey;
  readonly address: string;
}

export function namesTable(tag: string): string {
  return `${bridgeName(tag)}-names`;
}

/**
 * For `nft -f -`, as one transaction that may be repeated: names lead servers to the router, each to those services that it
 * may reach, and no server gets around that by the router's ports. A connection keeps the way that it began with.
 */
export function nameRules(network: Network, names: readonly Name[], callers: readonly Caller[]): string {
  const bridge = bridgeName(network.tag);
  const at = formatAddress(gateway(network.subnet));
  const from = `iifname "${bridge}"`;
  const ours = [resolverPort, ...names.flatMap(({ ways }) => ways.map(({ listen }) => listen))].join(", ");
  const audiences = audiencesOf(names, callers);
  const toNames = `${from} ip daddr ${formatSubnet(nameAddresses)}`;
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
    "  }",
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    `    ip daddr ${at} th dport { ${ours} } iifname != "lo" ct status and dnat != dnat drop`,
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

/** Adding first makes the removal of what isn't there succeed. */
export function removeNameRules(tag: string): string {
  return lines(`add table inet ${namesTable(tag)}`, `delete table inet ${namesTable(tag)}`);
}

/** By service: the addresses of the servers that may reach it, in order. */
type Audiences = ReadonlyMap<ServiceKey, readonly string[]>;

function audiencesOf(names: readonly Name[], callers: readonly Caller[]): Audiences {
  const known = new Map<string, readonly string[]>();
  const find = ({ service, allow }: Name): readonly string[] => {
    // Those that state nothing have one audience in each environment.
    const key = allow === undefined ? `all ${environmentOf(service) ?? ""}` : `${service} ${allow.join(" ")}`;
    const found = known.get(key) ?? addressesOf(callers, (caller) => mayReach(caller, service, allow));
    known.set(key, found);
    return found;
  };
  return new Map(names.map((name) => [name.service, find(name)]));
}

function addressesOf(callers: readonly Caller[], may: (service: ServiceKey) => boolean): readonly string[] {
  return callers
    .filter(({ service }) => may(service))
    .map(({ address }) => address)
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
