import { environmentOf, fullName, namesDomain } from "../../../../domain/spec/network.ts";
import { formatAddress, gateway } from "../../../linux/addresses.ts";
import { type Network, prefixOf } from "../commands.ts";
import { type Name, nameAddressOf, resolverPort } from "./assignment.ts";

/** Every Linux system has this user. */
const unprivileged = "nobody";

/** What dnsmasq reads. */
export interface ResolverFiles {
  /** Read once, when it starts. */
  readonly config: string;
  /** Read again at each SIGHUP: hosts(5), and `servers-file` of dnsmasq(8). */
  readonly hosts: string;
  readonly servers: string;
}

export interface ResolverPaths {
  readonly folder: string;
  readonly config: string;
  readonly hosts: string;
  readonly servers: string;
  readonly processId: string;
}

/** Outside the state folder, which only root may enter: dnsmasq reads them as another user. */
export function resolverPaths(tag: string): ResolverPaths {
  const folder = `/run/kiln-${tag}`;
  return {
    folder,
    config: `${folder}/dnsmasq.conf`,
    hosts: `${folder}/hosts`,
    servers: `${folder}/servers`,
    processId: `${folder}/dnsmasq.pid`,
  };
}

/**
 * Options of dnsmasq(8). It follows changes of /etc/resolv.conf by itself, and reaches resolvers on the machine's own
 * loopback, as servers do not.
 */
export function resolverFiles(network: Network, names: readonly Name[]): ResolverFiles {
  const { tag, subnet } = network;
  const prefix = prefixOf(network);
  const paths = resolverPaths(tag);
  const led = names.filter(({ ways, datagrams }) => ways.length > 0 || datagrams !== undefined);
  return {
    config: lines(
      `port=${resolverPort}`,
      `listen-address=${formatAddress(gateway(subnet))}`,
      "bind-interfaces",
      "no-hosts",
      `addn-hosts=${paths.hosts}`,
      `servers-file=${paths.servers}`,
      `pid-file=${paths.processId}`,
      `user=${unprivileged}`,
      "local-ttl=5",
      "cache-size=1000",
      "dns-forward-max=1000",
      "edns-packet-max=1232",
      "domain-needed",
    ),
    hosts: lines(
      ...led.flatMap(({ address, service, ipv6 }) =>
        [address, ...(prefix && ipv6 ? [nameAddressOf(prefix, address)] : [])].map(
          (each) => `${each} ${namesOf(service).join(" ")}`,
        ),
      ),
    ),
    // No other resolver is asked for them, whatever is asked.
    servers: lines(
      ...[namesDomain, ...led.flatMap(({ service }) => namesOf(service).slice(1))].map(
        (n) => `server=/${n}/`,
      ),
    ),
  };
}

/** `shop` alone is not among them: which environment it means, the server that asks has in its resolv.conf. */
function namesOf(service: string): readonly string[] {
  return environmentOf(service) === undefined ? [fullName(service)] : [fullName(service), service];
}

function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
