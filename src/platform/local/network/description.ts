import type { ServerId } from "../../../domain/ids.ts";
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
  type ServerPort,
  withoutIpv6,
} from "./commands.ts";
import { nameParts } from "./names/parts.ts";
import type { ResolverFiles } from "./names/resolver-files.ts";
import { noNameServers } from "./resolvers.ts";
import type { Inside, Link, NetworkState, Route } from "./state.ts";

/** How a part is put right. */
export interface Mend {
  /** Lines for `ip -batch`. */
  readonly ip?: readonly string[];
  /** Arguments of `iptables` calls. */
  readonly iptables?: readonly (readonly string[])[];
  /** Our packet filter table is written again. */
  readonly filter?: boolean;
  /** What names lead to is written again, and the resolver answers with them. */
  readonly names?: boolean;
  /** Forwarding is switched on. */
  readonly forwarding?: boolean;
}

/** One thing that must be true of the machine's network while servers run. */
export interface Part {
  readonly holds: (state: NetworkState) => boolean;
  /** What is wrong when it does not hold: a clause whose subject is the part. */
  readonly broken: (state: NetworkState) => string;
  /** Absent: nothing that Kiln may do puts it right. Called only when it does not hold. */
  readonly mend?: (state: NetworkState) => Mend;
  /** What to do about it, for people, where nothing mends it. */
  readonly remedy?: string;
  /** It is only a consequence of another part's fault, which is reported. */
  readonly implied?: (state: NetworkState) => boolean;
  /** Servers can do without it. */
  readonly optional?: boolean;
  /** A server that nothing reaches any longer: another server must take its place. */
  readonly server?: ServerId;
}

/** What names need of the machine. */
export interface WantedTables {
  /** Our packet filter tables as nft lists them. */
  readonly filter: string;
  readonly nameFilter: string;
  /** Undefined where there is no program for it. */
  readonly resolver: ResolverFiles | undefined;
}

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
  return [...bridgeParts(network), ...pathParts(network, wanted), ...ports];
}

function bridgeParts({ tag, subnet, mtu }: Network): readonly Part[] {
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
    { ...part(() => true, "was deleted", [add, ...withoutIpv6(bridge)]), implied: () => false },
    part((link) => link.address === mac, "had another MAC address", [`link set ${bridge} address ${mac}`]),
    part((link) => link.mtu === mtu, `had another MTU than ${mtu}`, [`link set ${bridge} mtu ${mtu}`]),
    {
      ...part((link) => addressesOf(link, "inet6").length === 0, "had IPv6 addresses", []),
      mend: (state) => ({
        ip: [
          ...withoutIpv6(bridge),
          ...addressesOf(state.links.get(bridge), "inet6").map((a) => `addr del ${a} dev ${bridge}`),
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

function addressesOf(link: Link | undefined, family: "inet" | "inet6"): readonly string[] {
  return (link?.addr_info ?? []).filter((a) => a.family === family).map((a) => `${a.local}/${a.prefixlen}`);
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
      mend: () => ({ forwarding: true }),
      implied: ({ links }) => !links.has(bridge),
    },
    {
      holds: ({ iptables }) => forwardRules(tag, iptables).length === 0,
      broken: () => "the FORWARD chain of iptables drops packets of servers",
      mend: ({ iptables }) => ({ iptables: forwardRules(tag, iptables) }),
    },
    ...nameParts(network.tag, wanted),
    ...foreignParts(network, wanted),
  ];
}

/** What others do to the machine's network that Kiln must not undo. */
function foreignParts(network: Network, { resolver }: WantedTables): readonly Part[] {
  const bridge = bridgeName(network.tag);
  const strays = ({ ways }: NetworkState) =>
    [...ways].filter(([, dev]) => dev !== undefined && dev !== bridge);
  const chains = ({ dropping, iptables }: NetworkState) =>
    dropping.filter((name) => iptables === "" || name !== "ip filter FORWARD");
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

function portParts({ tag, subnet, mtu }: Network, { id, port, pid, isMachine }: ServerPort): readonly Part[] {
  const bridge = bridgeName(tag);
  const { link, namespace, address } = port;
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
    mended((found) => found.mtu === mtu, `had another MTU than ${mtu}`, [`link set ${link} mtu ${mtu}`]),
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
        inside(({ addresses, routes }) => {
          if (isMachine) return true;
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
