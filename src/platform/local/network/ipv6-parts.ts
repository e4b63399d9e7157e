import { hexOf } from "../../../lib/net/addresses.ts";
import {
  gateway6,
  gatewayOf,
  serversPrefix,
  type UniqueLocalPrefix,
  wholePrefix,
} from "../../linux/unique-local.ts";
import { bridgeName, forwardRules, guardRoute, type Network, prefixOf } from "./commands.ts";
import { addressesOf, type Part } from "./part.ts";
import { acceptFile, forwardFiles6, type NetworkState, type Route } from "./state.ts";

/** Asks servers for their links' addresses on behalf of others, whose packets it passes on (RFC 4861 section 7.2.2). */
const linkLocal = "fe80::1/64";

/** All IPv6 addresses that the bridge should have, as `ip` writes them. */
export function bridgeAddresses6(network: Network): readonly string[] {
  const prefix = prefixOf(network);
  return prefix === undefined ? [] : [`${gateway6(prefix)}/64`, linkLocal];
}

/** Whether the machine itself gets anywhere by IPv6. */
export function hasWayOut6({ routes6 }: Pick<NetworkState, "routes6">): boolean {
  return routes6.some(({ type, dst, dev }) => type === "unicast" && dst === "default" && dev !== "lo");
}

/** Whether a server has its address and its way out. Lines of /proc/PID/net/if_inet6 and ipv6_route. */
export function hasIpv6(address6: string, addresses: string, routes: string): boolean {
  const way = `${"0".repeat(32)} 00 ${"0".repeat(32)} 00 ${hexOf(gatewayOf(address6))} `;
  return addresses.includes(`${hexOf(address6)} `) && routes.includes(way);
}

/** What Kiln makes for the IPv6 of servers besides what serves both kinds of addresses. They run without it. */
export function ipv6Parts(network: Network, prefix: UniqueLocalPrefix): readonly Part[] {
  return [...addressParts(network, prefix), ...wayOutParts(network)].map((part) => ({
    ...part,
    optional: true,
  }));
}

function addressParts(network: Network, prefix: UniqueLocalPrefix): readonly Part[] {
  const { tag } = network;
  const bridge = bridgeName(tag);
  const to = serversPrefix(prefix);
  const isDown = ({ links }: NetworkState) => links.get(bridge)?.flags.includes("UP") !== true;
  const missing = ({ links }: NetworkState) => {
    const present = addressesOf(links.get(bridge), "inet6");
    return bridgeAddresses6(network).filter((address) => !present.includes(address));
  };
  const { protocol, metric } = guardRoute(tag);
  const isGuard = (r: Route) => r.type === "unreachable" && r.protocol === protocol && r.metric === metric;
  const whole = wholePrefix(prefix);
  const guard = (dst: string) => `unreachable ${dst} metric ${metric} proto ${protocol}`;
  const file = `/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`;
  return [
    {
      holds: (state) => missing(state).length === 0,
      broken: (state) => `the bridge ${bridge} did not have the IPv6 addresses ${missing(state).join(", ")}`,
      mend: (state) => ({
        allows: state.links.has(bridge) ? [{ file, value: "0" }] : [],
        ip: missing(state).map((address) => `addr add ${address} dev ${bridge} nodad`),
      }),
      implied: isDown,
    },
    {
      holds: ({ routes6 }) => routes6.some((r) => r.dst === to && r.dev === bridge && r.table === "main"),
      broken: () => `the route to ${to} by the bridge ${bridge} was deleted`,
      mend: () => ({ ip: [`route replace ${to} dev ${bridge} proto kernel metric 256`] }),
      implied: (state) => isDown(state) || missing(state).length > 0,
    },
    {
      holds: ({ routes6 }) =>
        routes6
          .filter(isGuard)
          .map(({ dst }) => dst)
          .join() === whole,
      broken: () => `the route that keeps traffic for ${whole} on this machine was deleted`,
      mend: ({ routes6 }) => {
        const old = routes6
          .filter((r) => isGuard(r) && r.dst !== whole)
          .map((r) => `route del ${guard(r.dst)}`);
        return { ip: [...old, `route replace ${guard(whole)}`] };
      },
    },
    {
      holds: ({ ways }) => [undefined, bridge].includes(ways.get(`${prefix}::2`)),
      broken: ({ ways }) => `this machine sends IPv6 packets for servers to ${ways.get(`${prefix}::2`)}`,
      remedy: `Take ${to} out of that network or rule; \`ip route get ${prefix}::2\` must name ${bridge}.`,
    },
  ];
}

/** Only where there is a way out of the machine. */
function wayOutParts({ tag }: Network): readonly Part[] {
  const needed = (state: NetworkState) => hasWayOut6(state);
  const rules = ({ iptables }: NetworkState) => forwardRules(tag, iptables.ip6tables);
  return [
    {
      holds: (state) => !needed(state) || state.forwards6,
      broken: () => "forwarding of IPv6 packets was switched off",
      // A machine that forwards hears no routers, unless it is told to, and loses its own way out: in this order.
      mend: ({ advertised }) => ({
        settings: [
          ...advertised.map((link) => ({ file: acceptFile(link), value: "2" })),
          ...forwardFiles6(tag).map((file) => ({ file, value: "1" })),
        ],
      }),
      implied: ({ links }) => !links.has(bridgeName(tag)),
    },
    {
      holds: (state) => !needed(state) || rules(state).length === 0,
      broken: () => "the FORWARD chain of ip6tables drops packets of servers",
      mend: (state) => ({ iptables: rules(state).map((args) => ["ip6tables", ...args] as const) }),
    },
  ];
}
