import type { RoutedService, Upstream } from "../router.ts";

/** The link that servers are on. */
export interface ServersLink {
  /** Name of the bridge, which also names the table. */
  readonly bridge: string;
}

/** Our packet filter table of the family inet. */
export function tableName({ bridge }: ServersLink): string {
  return `${bridge}-udp`;
}

/**
 * For `nft -f -`, as one transaction that may be repeated: datagrams that come to the services' ports are translated to their
 * servers by weight, each flow to one of them (nft(8): `numgen`, `jhash`). Connection tracking keeps a flow with its server until
 * the entry ends. Who of the servers may come in, another table decides before. Pure.
 */
export function datagramRules(link: ServersLink, services: readonly RoutedService[]): string {
  const from = `iifname "${link.bridge}"`;
  const ways = services.flatMap((service) => waysOf(service));
  const named = ways.filter(({ isNamed }) => isNamed).map(({ rule }) => `    ${from} ${rule}`);
  const open = ways.filter(({ isNamed }) => !isNamed).map(({ rule }) => `    ${rule}`);
  const leaving = services
    .flatMap(({ upstreams }) =>
      upstreams.filter(({ weight, address }) => weight === 0 && !address.includes(":")),
    )
    .map(({ address, port }) => `${address} . ${port}`)
    .sort();
  return lines(
    ...removeDatagramRules(link).trimEnd().split("\n"),
    `table inet ${tableName(link)} {`,
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...open,
    ...named,
    "  }",
    "  chain output {",
    "    type nat hook output priority -100; policy accept;",
    ...open,
    "  }",
    // The bridge has `route_localnet`, so that answers find clients at 127.0.0.1: nothing else may come to that network.
    "  chain loopback {",
    "    type filter hook prerouting priority raw; policy accept;",
    `    ${from} ip daddr 127.0.0.0/8 drop`,
    `    ${from} ip saddr 127.0.0.0/8 drop`,
    "  }",
    // A late answer of a flow that was moved would make an entry that leads the client back.
    "  chain leaving {",
    "    type filter hook prerouting priority mangle; policy accept;",
    ...(leaving.length === 0
      ? []
      : [`    ${from} ct state new ip saddr . udp sport { ${[...new Set(leaving)].join(", ")} } drop`]),
    "  }",
    // What a server sends to a name leaves by the link that it came by: the kernel would tell the server a shorter way, which is closed.
    "  chain redirects {",
    "    type filter hook output priority filter; policy accept;",
    `    oifname "${link.bridge}" icmp type redirect drop`,
    "  }",
    "}",
  );
}

/** Adding first makes the removal of what isn't there succeed. */
export function removeDatagramRules(link: ServersLink): string {
  return lines(`add table inet ${tableName(link)}`, `delete table inet ${tableName(link)}`);
}

interface Way {
  readonly isNamed: boolean;
  readonly rule: string;
}

/** A port without a server that takes datagrams has no rule: there the kernel refuses them at once. */
function waysOf({ frontends, upstreams }: RoutedService): readonly Way[] {
  // Servers that are reached by IPv6 alone get none.
  const taking = upstreams
    .filter(({ weight, address }) => weight > 0 && !address.includes(":"))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  if (taking.length === 0) return [];
  return frontends
    .filter(({ closed }) => !closed)
    .map(({ listen, address, named, sticky }) => {
      const to = address === undefined ? "fib daddr type local" : `ip daddr ${address}`;
      const rule = `meta nfproto ipv4 ${to} udp dport ${listen} dnat ip to ${choice(taking, sticky === true)}`;
      return { isNamed: named !== undefined, rule };
    });
}

/** The seed is fixed: a client has the same place whenever the rules are written. */
const seed = "0x6b696c6e";

function choice(taking: readonly Upstream[], isSticky: boolean): string {
  const [only] = taking;
  if (only !== undefined && taking.length === 1) return `${only.address}:${only.port}`;
  const unit = taking.map(({ weight }) => weight).reduce(commonDivisor);
  let sum = 0;
  const places = taking.map(({ address, port, weight }) => {
    const first = sum;
    sum += weight / unit;
    return `${first === sum - 1 ? first : `${first}-${sum - 1}`} : ${address} . ${port}`;
  });
  const number = isSticky ? `jhash ip saddr mod ${sum} seed ${seed}` : `numgen random mod ${sum}`;
  return `${number} map { ${places.join(", ")} }`;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
