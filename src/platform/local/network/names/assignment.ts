import { readFileSync } from "node:fs";
import { z } from "zod";
import type { ServiceKey } from "../../../../domain/ids.ts";
import { isErrno, KilnError } from "../../../../lib/errors.ts";
import { writeFileAtomic } from "../../../../lib/files/files.ts";
import type { OfferedName } from "../../../fleet/host.ts";
import { chooseAddress, formatAddress, parseAddress, type Subnet } from "../../../linux/addresses.ts";
import { nameAddress6, type UniqueLocalPrefix } from "../../../linux/unique-local.ts";
import type { HostPaths } from "../../paths.ts";

/**
 * What names lead to. These addresses are on no link: the packet filter translates them for servers alone. RFC 2544 has set
 * 198.18.0.0/15 aside for measuring devices, so no server can mean anything else by one of them.
 */
export const nameAddresses: Subnet = { base: 0xc612_0000, bits: 16 };

/** The same name's IPv6 address. */
export function nameAddressOf(prefix: UniqueLocalPrefix, address: string): string {
  return nameAddress6(prefix, nameAddresses, parseAddress(address) ?? 0);
}

/** What servers ask for names. The first address of a subnet is never that of a service. */
export const resolverAddress = formatAddress(nameAddresses.base + 1);

/** Ports at the bridge's address: of the resolver, then of the services. Below those that the kernel gives to clients (32768). */
export const nameWays = { first: 24_000, last: 32_767 } as const;
export const resolverPort = nameWays.first;

const nameSchema = z.object({
  service: z.string(),
  address: z.string(),
  /** By the port that clients ask for, the one at the bridge's address where the router listens for it. */
  ways: z.array(z.object({ port: z.int(), listen: z.int() })),
  /** Ports of the machine at which the router has the service for everyone. */
  public: z.array(z.int()),
  /** The same of UDP: ports that clients ask for at the name's address, and ports of the machine. */
  datagrams: z.object({ ports: z.array(z.int()), public: z.array(z.int()) }).optional(),
  /** As of `mayReach`. */
  allow: z.array(z.string()).optional(),
  /** The router was asked to listen by IPv6 too. Absent: it was not, and the name leads there by IPv4 alone. */
  ipv6: z.literal(true).optional(),
});
const namesSchema = z.object({ last: z.string(), names: z.array(nameSchema) });

/** The name of a service, and where it leads. */
export type Name = Readonly<z.infer<typeof nameSchema>>;
/** Every name. `last`: the address that was given out last. */
export type Names = Readonly<z.infer<typeof namesSchema>>;

const noNames: Names = { last: "", names: [] };

export function readNames(paths: Pick<HostPaths, "names">): Names {
  try {
    return namesSchema.parse(JSON.parse(readFileSync(paths.names, "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return noNames;
    throw error;
  }
}

export async function writeNames(paths: Pick<HostPaths, "names">, names: Names): Promise<void> {
  await writeFileAtomic(paths.names, JSON.stringify(names));
}

/**
 * Gives the service a name, or changes where it leads. Its address stays while it has the name, and so does what listens for
 * a port. Pure. Throws `platform_unusable` when no port is left that nothing else (`isTaken`) listens at.
 */
export function assignName(
  { last, names }: Names,
  service: ServiceKey,
  { ports, ipv6, datagrams, ...rest }: OfferedName & { readonly ipv6?: boolean },
  isTaken: (port: number) => boolean,
): Names {
  const others = names.filter((name) => name.service !== service);
  const known = names.find((name) => name.service === service);
  // The router opens a port once: one that is open to all, at whatever address, leads to no name.
  const used = new Set([
    ...others.flatMap((name) => name.ways.map(({ listen }) => listen)),
    ...[...others, rest].flatMap((name) => name.public),
  ]);
  const ways: Name["ways"] = [];
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const kept = known?.ways.find((way) => way.port === port)?.listen;
    const listen = kept ?? freePort(used, isTaken);
    used.add(listen);
    ways.push({ port, listen });
  }
  const address = known?.address ?? freeAddress(others, last);
  const { allow = known?.allow } = rest;
  const rule = allow === undefined || allow.join() === "*" ? {} : { allow: [...allow] };
  const sent = datagrams && { datagrams: { ports: [...datagrams.ports], public: [...datagrams.public] } };
  // Datagrams are led by IPv4 only: a client must not try the other address first.
  const both = ipv6 && sent === undefined ? { ipv6: true as const } : {};
  const name = { service, address, ways, public: [...rest.public], ...sent, ...rule, ...both };
  const all = [...others, name].sort((a, b) => (a.service < b.service ? -1 : 1));
  return { last: known ? last : address, names: all };
}

export function withoutName({ last, names }: Names, service: ServiceKey): Names {
  return { last, names: names.filter((name) => name.service !== service) };
}

function freeAddress(names: readonly Name[], last: string): string {
  const used = new Set(names.map(({ address }) => parseAddress(address) ?? 0));
  const address = chooseAddress(nameAddresses, used, parseAddress(last) ?? 0);
  if (address === undefined)
    throw new KilnError("platform_unusable", "All addresses for names are in use.", {
      hint: "Remove services that are not needed any more.",
    });
  return formatAddress(address);
}

function freePort(used: ReadonlySet<number>, isTaken: (port: number) => boolean): number {
  for (let port = resolverPort + 1; port <= nameWays.last; port++)
    if (!used.has(port) && !isTaken(port)) return port;
  throw new KilnError(
    "platform_unusable",
    `All ports from ${resolverPort + 1} to ${nameWays.last} are taken.`,
    {
      hint: "Kiln needs one of them for each service that other services reach by name.",
    },
  );
}
