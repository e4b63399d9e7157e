import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import { exec } from "../../../lib/process/exec.ts";
import { chooseSubnet, formatSubnet, overlap, parseSubnet, type Subnet } from "../../linux/addresses.ts";
import { isFree, type UniqueLocalPrefix, uniqueLocalPrefix } from "../../linux/unique-local.ts";
import type { HostPaths } from "../paths.ts";
import { bridgeName, guardRoute, type Network } from "./commands.ts";
import { whyNoIpv6 } from "./ipv6.ts";
import { hasWayOut6 } from "./ipv6-parts.ts";
import { readResolvers } from "./resolvers.ts";
import { type Route, routesSchema } from "./state.ts";
import { readUplinkMtu, type ServerLinks, withMtu } from "./uplink.ts";

/** Of Ethernet, while the machine has no way out. */
const usualMtu = 1500;

export interface Chooser {
  readonly paths: HostPaths;
  readonly tag: string;
  /** Of every server that has an address of the network. */
  readonly links: () => ServerLinks;
}

const recordSchema = z.object({
  subnet: z.string(),
  mtu: z.int(),
  /** See `Network`. */
  bridgeMtu: z.int().optional(),
  /** Absent: the machine has had no IPv6, or an older Kiln has chosen. */
  prefix: z.string().optional(),
  /** What was made with it, as `recordForm` has it. Absent: an older Kiln has made it, or nothing was made yet. */
  form: z.string().optional(),
});

/**
 * The addresses of this installation: chosen once and recorded. Another choice is made only while no server uses them and a
 * network of others has come to overlap. The MTU follows the way out of the machine, and an IPv6 prefix is added as soon as the machine has IPv6. Throws `platform_unusable`
 * when none is free.
 */
export async function readNetwork(chooser: Chooser): Promise<Network> {
  const { paths, tag } = chooser;
  const before = recordedNetwork(paths, tag);
  const after = await chosen(chooser, before && (await followed(chooser, before)));
  if (!isDeepStrictEqual(after, before)) {
    const { subnet, mtu, bridgeMtu, ipv6 } = after;
    const record = { subnet: formatSubnet(subnet), mtu, bridgeMtu, prefix: ipv6?.prefix };
    await writeFileAtomic(paths.network, JSON.stringify(record));
  }
  return after;
}

/** The choice on record, for what must be found without making anything. */
export function recordedNetwork(paths: HostPaths, tag: string): Network | undefined {
  const record = readRecord(paths);
  const subnet = record && parseSubnet(record.subnet);
  if (record === undefined || subnet === undefined) return undefined;
  const { mtu, bridgeMtu, prefix } = record;
  const network = { tag, subnet, mtu, ...(bridgeMtu === undefined ? {} : { bridgeMtu }) };
  return prefix === undefined ? network : { ...network, ipv6: { prefix, isOn: hasIpv6(network) } };
}

function readRecord(paths: HostPaths): z.infer<typeof recordSchema> | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(paths.network, "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Whether what this Kiln makes is what was made here last: otherwise what differs may be the doing of an older Kiln. */
export function isFormRecorded(paths: HostPaths, form: string): boolean {
  return readRecord(paths)?.form === form;
}

/** Records a digest of what was made with the choice on record. Another choice forgets it. */
export async function recordForm(paths: HostPaths, form: string): Promise<void> {
  const record = readRecord(paths);
  if (record && record.form !== form)
    await writeFileAtomic(paths.network, JSON.stringify({ ...record, form }));
}

/** Whether the machine has IPv6 by now, and the installation no addresses of it. */
export function lacksPrefix(network: Network): boolean {
  return network.ipv6 === undefined && hasIpv6(network);
}

function hasIpv6({ mtu, bridgeMtu = mtu }: Network): boolean {
  return whyNoIpv6(bridgeMtu) === undefined;
}

async function followed({ links }: Chooser, recorded: Network): Promise<Network> {
  const network = withMtu(recorded, await readUplinkMtu(), links());
  return network.ipv6 ? { ...network, ipv6: { ...network.ipv6, isOn: hasIpv6(network) } } : network;
}

async function chosen({ tag, links }: Chooser, recorded: Network | undefined): Promise<Network> {
  if (recorded && links().length > 0)
    return lacksPrefix(recorded) ? withPrefix(recorded, await readRoutes6(tag)) : recorded;
  const routes = (await readRoutes("-4")).filter((route) => !isOurs(tag, route));
  const isKept = recorded && !takenBy(routes).some((other) => overlap(other, recorded.subnet));
  const network = isKept ? recorded : await choose(tag, routes);
  if (!hasIpv6(network)) return network;
  const others = await readRoutes6(tag);
  const prefix = recorded?.ipv6?.prefix;
  if (prefix === undefined || !isFree(prefix, others)) return withPrefix(network, others);
  return network.ipv6 ? network : { ...network, ipv6: { prefix, isOn: true } };
}

async function choose(tag: string, routes: readonly Route[]): Promise<Network> {
  const subnet = chooseSubnet(tag, takenBy(routes));
  if (!subnet) {
    throw new KilnError(
      "platform_unusable",
      "No free private network is left for servers within 10.192.0.0/10.",
      {
        hint: "`ip route show table all` lists the networks that this machine knows.",
      },
    );
  }
  return { tag, subnet, mtu: (await readUplinkMtu()) ?? usualMtu };
}

function withPrefix(network: Network, others: readonly string[]): Network {
  let prefix: UniqueLocalPrefix | undefined;
  while (prefix === undefined || !isFree(prefix, others)) prefix = uniqueLocalPrefix(randomBytes(5));
  return { ...network, ipv6: { prefix, isOn: true } };
}

/** What an earlier run has left does not count as a foreign network. */
function isOurs(tag: string, { dev, protocol, metric }: Route): boolean {
  const guard = guardRoute(tag);
  return dev === bridgeName(tag) || (protocol === guard.protocol && metric === guard.metric);
}

/** Every network that this machine has a route to or a resolver in. */
function takenBy(routes: readonly Route[]): readonly Subnet[] {
  return [...routes.map(({ dst }) => dst), ...readResolvers().addresses]
    .map(parseSubnet)
    .filter((subnet) => subnet !== undefined);
}

async function readRoutes(family: "-4" | "-6"): Promise<readonly Route[]> {
  const { stdout } = await exec(["ip", "-json", "-details", family, "route", "show", "table", "all"]);
  return routesSchema.parse(JSON.parse(stdout || "[]"));
}

/** IPv6 networks that others have. */
async function readRoutes6(tag: string): Promise<readonly string[]> {
  return (await readRoutes("-6")).filter((route) => !isOurs(tag, route)).map(({ dst }) => dst);
}

/** What servers of this machine have of IPv6. */
export async function ipv6Words(): Promise<string> {
  const why = whyNoIpv6((await readUplinkMtu()) ?? usualMtu);
  if (why !== undefined) return `no IPv6 in servers: ${why}`;
  return hasWayOut6({ routes6: await readRoutes("-6") })
    ? "IPv6 in servers, outbound by this machine's address; IPv6 forwarding is switched on with the first server and left on"
    : "IPv6 in servers for names of services only, since this machine has no IPv6 default route";
}
