import {
  formatAddress,
  formatSubnet,
  gateway,
  macAddress,
  overlap,
  parseSubnet,
} from "../../linux/addresses.ts";
import {
  bridgeName,
  forwardRules,
  guardRoute,
  type Network,
  prefixOf,
  type ServerPort,
  withoutLinkLocal,
} from "./commands.ts";
import { bridgeAddresses6, hasIpv6, hasWayOut6, ipv6Parts } from "./ipv6-parts.ts";
import { nameParts } from "./names/parts.ts";
import { addressesOf, type Part, type WantedTables } from "./part.ts";
import { noNameServers } from "./resolvers.ts";
import { forwardFiles, type Inside, type Link, type NetworkState, type Route } from "./state.ts";

/**
 * All that Kiln makes on the machine's network, in the order in which it is made, and what must not stand in its way. Pure. What is missing on a machine without any of it is all of it, so this
 * is also how the network is made.
 */
export function describeNetwork(
  network: Network,
  wanted: WantedTables,
  servers: readonly ServerPort[],
): readonly Part[] {
  const ports = servers.flatMap((server) => portParts(network, server));
  const prefix = prefixOf(network);
  const ipv6 = prefix === undefined ? [] : ipv6Parts(network, prefix);
  return [...bridgeParts(network), ...ipv6, ...pathParts(network, wanted), ...ports];
}

function bridgeParts(network: Network): readonly Part[] {
  const { tag, subnet } = network;
  const mtu = network.bridgeMtu ?? network.mtu;
  const addresses6 = bridgeAddresses6(network);
  const bridge = bridgeName(tag);
  const mac = macAddress(gateway(subnet));
  const address = `${formatAddress(gateway(subnet))}/${subnet.bits}`;
  const own = (holds: (link: Link) => boolean) => (state: NetworkState) => {
    const link = state.links.get(bridge);
    return link !== undefined && holds(link);
  };
  const part = (holds: (link: Link) => boolean, broken: string, ip: readonly string[]): Part => ({
    ...{ holds: own(holds), broken: () => `the bridge ${bridge} ${broken}`, mend: () => ({ ip }) },
    implied: ({ links }) => !links.has(bridge),
  });
  const add = `link add name ${bridge} address ${mac} mtu ${mtu} type bridge mcast_snooping 0`;
  return [
    { ...part(() => true, "was deleted", [add, ...withoutLinkLocal(bridge)]), implied: () => false },
    part((link) => link.address === mac, "had another MAC address", [`link set ${bridge} address ${mac}`]),
    part((link) => link.mtu === mtu, `had another MTU than ${mtu}`, [`link set ${bridge} mtu ${mtu}`]),
    {
      ...part(
        (link) => addressesOf(link, "inet6").every((a) => addresses6.includes(a)),
        "had other IPv6 addresses",
        [],
      ),
      mend: (state) => ({
        ip: [
          ...withoutLinkLocal(bridge),
          ...addressesOf(state.links.get(bridge), "inet6")
            .filter((a) => !addresses6.includes(a))
            .map((a) => `addr del ${a} dev ${bridge}`),
        ],
      }),
    },
    {
      ...part(
        (link) => addressesOf(link, "inet").join() === address,
        `had other addresses than ${address}`,
        [],
      ),
      mend: (state) => {
        const present = addressesOf(state.links.get(bridge), "inet");
        const wrong = present.filter((a) => a !== address).map((a) => `addr del ${a} dev ${bridge}`);
        return {
          ip: [...wrong, ...(present.includes(address) ? [] : [`addr add ${address} dev ${bridge}`])],
        };
      },
    },
    part((link) => link.flags.includes("UP"), "was down", [`link set ${bridge} up`]),
  ];
}

/** Routes, packet filters, forwarding: the ways to the bridge and from it. */
function pathParts(network: Network, wanted: WantedTables): readonly Part[] {
  const { tag, subnet } = network;
  const bridge = bridgeName(tag);
  const to = formatSubnet(subnet);
  const { protocol, metric } = guardRoute(tag);
  const isGuard = (r: Route) => r.type === "unreachable" && r.protocol === protocol && r.metric === metric;
  const route = `${to} dev ${bridge} proto kernel scope link src ${formatAddress(gateway(subnet))}`;
  return [
    {
      holds: ({ routes }) => routes.some((r) => r.dst === to && r.dev === bridge && r.table === "main"),
      broken: () => `the route to ${to} by the bridge ${bridge} was deleted`,
      mend: () => ({ ip: [`route replace ${route}`] }),
      implied: ({ links }) => {
        const link = links.get(bridge);
        return link === undefined || !link.flags.includes("UP") || addressesOf(link, "inet").length === 0;
      },
    },
    {
      holds: ({ routes }) =>
        routes
          .filter(isGuard)
          .map((r) => r.dst)
          .join() === to,
      broken: () => `the route that keeps traffic for ${to} on this machine was deleted`,
      mend: ({ routes }) => {
        const guard = (dst: string) => `unreachable ${dst} metric ${metric} proto ${protocol}`;
        const old = routes.filter((r) => isGuard(r) && r.dst !== to).map((r) => `route del ${guard(r.dst)}`);
        return { ip: [...old, `route replace ${guard(to)}`] };
      },
    },
    {
      holds: ({ filter }) => filter === wanted.filter,
      broken: ({ filter }) =>
        `the packet filter table inet ${bridge} was ${filter === undefined ? "deleted" : "changed"}`,
      mend: () => ({ filter: true }),
    },
    {
      holds: ({ forwards }) => forwards,
      broken: () => "forwarding of IPv4 packets was switched off",
      mend: () => ({ settings: forwardFiles(tag).map((file) => ({ file, value: "1" })) }),
      implied: ({ links }) => !links.has(bridge),
    },
    {
      holds: ({ iptables }) => forwardRules(tag, iptables.iptables).length === 0,
      broken: () => "the FORWARD chain of iptables drops packets of servers",
      mend: ({ iptables }) => ({
        iptables: forwardRules(tag, iptables.iptables).map((args) => ["iptables", ...args] as const),
      }),
    },
    ...nameParts(network.tag, wanted),
    ...foreignParts(network, wanted),
  ];
}

/** What others do to the machine's network that Kiln must not undo. */
function foreignParts(network: Network, { resolver }: WantedTables): readonly Part[] {
  const bridge = bridgeName(network.tag);
  const strays = ({ ways }: NetworkState) =>
    [...ways].filter(([to, dev]) => !to.includes(":") && dev !== undefined && dev !== bridge);
  const isMended = (name: string, { iptables }: NetworkState) =>
    (name === "ip filter FORWARD" && iptables.iptables !== undefined) ||
    (name === "ip6 filter FORWARD" && iptables.ip6tables !== undefined);
  const chains = (state: NetworkState) =>
    state.dropping
      .filter((name) => !name.startsWith("ip6 ") || (prefixOf(network) !== undefined && hasWayOut6(state)))
      .filter((name) => !isMended(name, state));
  return [
    {
      holds: (state) => strays(state).length === 0,
      broken: (state) => {
        const links = [...new Set(strays(state).map(([, dev]) => dev))].join(", ");
        const [address] = strays(state)[0] ?? [];
        return `this machine sends packets for servers (${address}) to ${links}: ${divertedBy(network, state)}`;
      },
      remedy: `Take ${formatSubnet(network.subnet)} out of that network or rule; \`ip route get ADDRESS\` must name ${bridge}.`,
    },
    {
      holds: (state) => chains(state).length === 0,
      broken: (state) =>
        `the chain ${chains(state).join(", ")} drops forwarded packets: servers may not reach the network`,
      optional: true,
      remedy: `Have it accept packets that come from or go to ${bridge}.`,
    },
    {
      // The resolver on this machine reaches those that servers do not.
      holds: ({ nameServers }) => nameServers > 0 || resolver !== undefined,
      broken: () => noNameServers.what,
      optional: true,
      remedy: noNameServers.remedy,
    },
  ];
}

/** The foreign routes and rules that may be the cause. */
function divertedBy({ tag, subnet }: Network, { routes, rules }: NetworkState): string {
  const foreign = routes.filter(({ type, dst, dev }) => {
    const other = parseSubnet(dst);
    return (
      other &&
      type !== "unreachable" &&
      dev !== bridgeName(tag) &&
      other.bits >= subnet.bits &&
      overlap(other, subnet)
    );
  });
  const usual = ["local", "main", "default"];
  const others = rules.filter(({ table }) => !usual.includes(table ?? ""));
  const causes = [
    ...foreign.map(({ dst, dev, table }) => `route ${dst} dev ${dev} (table ${table})`),
    ...others.map(({ priority, table }) => `ip rule ${priority} (table ${table ?? "none"})`),
  ];
  return causes.length > 0 ? causes.slice(0, 4).join(", ") : "another network overlaps";
}

function portParts({ tag, subnet }: Network, server: ServerPort): readonly Part[] {
  const { id, port, pid, isMachine, mtu } = server;
  const bridge = bridgeName(tag);
  const { link, namespace, address, address6 } = port;
  const kept = (holds: (found: Link) => boolean) => (state: NetworkState) => {
    const found = state.links.get(link);
    return found === undefined || holds(found);
  };
  const mended = (holds: (found: Link) => boolean, broken: string, ip: readonly string[]): Part => ({
    ...{ holds: kept(holds), broken: () => `the link ${link} of ${id} ${broken}`, mend: () => ({ ip }) },
  });
  const inside = (holds: (inside: Inside) => boolean) => (state: NetworkState) => {
    const found = state.insides.get(id);
    return found === undefined || holds(found);
  };
  const lost = (holds: (state: NetworkState) => boolean, broken: string): Part => ({
    ...{ holds, broken: () => broken, server: id },
  });
  const isolated = (found: Link) => found.linkinfo?.info_slave_data?.isolated === true;
  return [
    lost(({ links }) => links.has(link), `its network link ${link} was deleted`),
    {
      ...mended((found) => found.master === bridge, `was not on the bridge ${bridge}`, [
        `link set ${link} master ${bridge}`,
        `link set ${link} type bridge_slave isolated on`,
      ]),
      implied: ({ links }) => !links.has(bridge),
    },
    mended((found) => found.master !== bridge || isolated(found), "reached other servers", [
      `link set ${link} type bridge_slave isolated on`,
    ]),
    mended((found) => mtu === undefined || found.mtu === mtu, `had another MTU than ${mtu}`, [
      `link set ${link} mtu ${mtu}`,
    ]),
    mended((found) => found.flags.includes("UP"), "was down", [`link set ${link} up`]),
    {
      ...{
        holds: inside(({ isNamed }) => isNamed),
        broken: () => `the name of ${id}'s network namespace was deleted`,
      },
      mend: () => ({ ip: [`netns del ${namespace}`, `netns attach ${namespace} ${pid}`] }),
    },
    {
      ...lost(
        inside(({ addresses, routes, addresses6, routes6 }) => {
          if (isMachine) return true;
          if (address6 !== undefined && !hasIpv6(address6, addresses6, routes6)) return false;
          const own = addresses.includes(`|-- ${formatAddress(address)}\n`);
          return own && addresses.includes("|-- 127.0.0.1\n") && hasDefaultRoute(routes, gateway(subnet));
        }),
        "its network was changed from inside its namespace: an address or a route is missing",
      ),
      implied: ({ links }) => !links.has(link),
    },
  ];
}

/** Columns of /proc/PID/net/route: link, destination and gateway in hexadecimal, lowest byte first. */
function hasDefaultRoute(routes: string, by: number): boolean {
  const bytes = [0, 8, 16, 24].map((shift) => ((by >>> shift) & 255).toString(16).padStart(2, "0"));
  return routes.includes(`eth0\t00000000\t${bytes.join("").toUpperCase()}\t`);
}
