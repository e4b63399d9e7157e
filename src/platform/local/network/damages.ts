import { writeFileSync } from "node:fs";
import { exec } from "../../../lib/process/exec.ts";
import { hasResolver } from "./names/resolver.ts";
import { ip } from "./own-namespaces.ts";

/** For tests: something that happens to the machine's network, and what Kiln says once it has put it right. */
export interface Damage {
  readonly what: string;
  readonly done: () => Promise<unknown>;
  readonly told: RegExp;
}

/** What is to be damaged. */
export interface DamagedNames {
  readonly bridge: string;
  readonly subnet: string;
  /** Of IPv6. */
  readonly prefix: string;
  /** Of the server shop-1-1-1. */
  readonly link: string;
  readonly namespace: string;
}

/** Everything that Kiln puts right, damaged in turn. */
export function mendableDamages({
  bridge,
  subnet,
  prefix,
  link,
  namespace,
}: DamagedNames): readonly Damage[] {
  const byIp = (what: string, line: string, told: RegExp): Damage => ({ what, done: () => ip(line), told });
  const byProgram = (what: string, argv: [string, ...string[]], told: RegExp): Damage => ({
    ...{ what, done: () => exec(argv), told },
  });
  return [
    byIp("the bridge's address removed", `addr flush dev ${bridge}`, /had other addresses/),
    byIp("the bridge deleted", `link del ${bridge}`, /bridge \S+ was deleted/),
    byIp("the bridge down", `link set ${bridge} down`, /bridge \S+ was down/),
    byIp("another MAC address", `link set ${bridge} address 02:00:00:00:00:09`, /MAC/),
    byIp("another MTU", `link set ${bridge} mtu 1280`, /MTU/),
    byIp("a second address", `addr add 10.9.9.9/24 dev ${bridge}`, /had other addresses/),
    byIp("an IPv6 address", `addr add fd00:9::1/64 dev ${bridge}`, /had other IPv6 addresses/),
    byIp(
      "the IPv6 address removed",
      `addr del ${prefix}::1/64 dev ${bridge}`,
      /did not have the IPv6 addresses/,
    ),
    {
      what: "IPv6 off on the bridge",
      done: async () => writeFileSync(`/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`, "1"),
      told: /did not have the IPv6 addresses \S+::1\/64, fe80/,
    },
    byIp("the IPv6 route deleted", `route del ${prefix}::/64 dev ${bridge}`, /route to fd\S+ by the bridge/),
    byIp("the IPv6 guard deleted", `route del unreachable ${prefix}::/48`, /keeps traffic for fd/),
    byIp("the route deleted", `route del ${subnet} dev ${bridge}`, /route to/),
    byIp("the guard deleted", `route del unreachable ${subnet}`, /keeps traffic/),
    byProgram("all packet filters flushed", ["nft", "flush", "ruleset"], /table inet \S+ was deleted/),
    byProgram(
      "names lead nowhere",
      ["nft", "delete", "table", "inet", `${bridge}-names`],
      /-names was deleted/,
    ),
    ...(hasResolver()
      ? [
          byProgram(
            "the resolver killed",
            ["sh", "-c", `kill -9 $(cat /run/${bridge}/dnsmasq.pid)`],
            /resolver of names of services did not run/,
          ),
        ]
      : []),
    byProgram(
      "a rule put before ours",
      ["nft", "insert", "rule", "inet", bridge, "forward", "accept"],
      /table inet \S+ was changed/,
    ),
    {
      what: "forwarding off",
      done: async () => writeFileSync("/proc/sys/net/ipv4/ip_forward", "0"),
      told: /forwarding of IPv4/i,
    },
    {
      what: "forwarding of IPv6 off",
      done: async () => writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "0"),
      told: /forwarding of IPv6/i,
    },
    byProgram("FORWARD DROP of IPv6", ["ip6tables", "-P", "FORWARD", "DROP"], /chain of ip6tables/),
    byProgram("FORWARD DROP", ["iptables", "-P", "FORWARD", "DROP"], /FORWARD chain/),
    byIp("a link off the bridge", `link set ${link} nomaster`, /not on the bridge/),
    byIp("a link down", `link set ${link} down`, /link \S+ of shop-1-1-1 was down/),
    byIp("isolation off", `link set ${link} type bridge_slave isolated off`, /reached other servers/),
    byIp("the namespace's name removed", `netns del ${namespace}`, /shop-1-1-1's network namespace/),
  ];
}

/** The same for what leads datagrams of UDP to servers, once there is a service of UDP. */
export function datagramDamages(bridge: string): readonly Damage[] {
  const table = `${bridge}-udp`;
  const byNft = (what: string, args: readonly string[], told: RegExp): Damage => ({
    ...{ what, done: () => exec(["nft", ...args]), told },
  });
  return [
    byNft("the table of UDP deleted", ["delete", "table", "inet", table], /-udp was deleted/),
    byNft("all packet filters flushed", ["flush", "ruleset"], /-udp was deleted/),
    byNft("the table of UDP empty", ["flush", "table", "inet", table], /-udp was changed/),
    byNft(
      "a rule of others put first for UDP",
      ["insert", "rule", "inet", table, "prerouting", "udp", "dport", "53", "drop"],
      /-udp was changed/,
    ),
    {
      what: "answers to 127.0.0.1 off",
      done: async () => writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, "0"),
      told: /route_localnet of \S+ was off/,
    },
  ];
}
