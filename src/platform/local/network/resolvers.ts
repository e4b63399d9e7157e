import { readFileSync } from "node:fs";
import type { ServiceKey } from "../../../domain/ids.ts";
import { searchDomain } from "../../../domain/spec/network.ts";
import { isErrno } from "../../../lib/errors.ts";
import { resolverAddress } from "./names/assignment.ts";
import { hasResolver } from "./names/resolver.ts";

/** What a server's /etc/resolv.conf is made of. */
export interface Resolvers {
  /** IP addresses that a server can reach, in order. */
  readonly addresses: readonly string[];
  /** `search` and `options` lines, as they stand. */
  readonly lines: readonly string[];
}

/**
 * resolv.conf(5) of the machine; where that names only resolvers on the machine itself, the files in which
 * systemd-resolved and NetworkManager keep the real ones.
 */
const candidates = [
  "/etc/resolv.conf",
  "/run/systemd/resolve/resolv.conf",
  "/run/NetworkManager/no-stub-resolv.conf",
];

/** What is wrong when there are none, and what to do about it. */
export const noNameServers = {
  what: "Servers cannot reach any name server of this machine: names do not resolve in them",
  remedy:
    "Name one that is not 127.0.0.1 in /etc/resolv.conf. Running servers keep the file that they were made with.",
};

/** No addresses when none of the machine's resolvers can be reached from a server: names then don't resolve there. */
export function readResolvers(files: readonly string[] = candidates): Resolvers {
  const all = files.map((file) => parseResolvers(readIfPresent(file)));
  return all.find(({ addresses }) => addresses.length > 0) ?? { addresses: [], lines: [] };
}

/** Leaves out loopback addresses, and IPv6 ones: servers have none. */
export function parseResolvers(text: string): Resolvers {
  const lines = text.split("\n").map((line) => line.trim());
  return {
    addresses: lines
      .map((line) => /^nameserver\s+(\d+\.\d+\.\d+\.\d+)/.exec(line)?.[1])
      .filter((address) => address !== undefined)
      .filter((address) => !address.startsWith("127.") && address !== "0.0.0.0"),
    lines: lines.filter((line) => /^(search|domain|options)\s/.test(line)),
  };
}

/** What a server of this service asks: our resolver, which asks the machine's, or those themselves where ours cannot run. */
export function resolversFor(service: ServiceKey): Resolvers {
  const machine = readResolvers();
  return hasResolver() ? withServices(machine, searchDomain(service)) : machine;
}

/** Names are completed with ours first: a domain of the machine cannot hide a service. */
export function withServices({ lines }: Resolvers, domain: string): Resolvers {
  const own = lines.flatMap((line) => /^(?:search|domain)\s+(.*)$/.exec(line)?.[1]?.split(/\s+/) ?? []);
  const options = lines.filter((line) => line.startsWith("options"));
  return { addresses: [resolverAddress], lines: [`search ${[domain, ...own].join(" ")}`, ...options] };
}

export function resolversFile({ addresses, lines }: Resolvers): string {
  return [...addresses.map((address) => `nameserver ${address}`), ...lines, ""].join("\n");
}

export function hostsFile(address: string, hostname: string): string {
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${address} ${hostname}\n`;
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
