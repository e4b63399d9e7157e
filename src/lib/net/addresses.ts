import { BlockList, isIP } from "node:net";

/** An IPv4 address in its usual form, also where a socket for both has it as IPv6. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}

/** What is counted as one client: an IPv4 address, or the /64 that one customer has of IPv6 (RFC 6177). */
export function clientOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = "", tail] = plain.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  return `${[...before, ...gap, ...after].slice(0, 4).join(":")}::/64`;
}

/**
 * Where clouds tell a machine its credentials. IPv4: addresses that are valid on one link alone (RFC 3927), then Azure, Alibaba, Oracle.
 * IPv6: AWS, Google.
 */
export const cloudMetadata = {
  ipv4: ["169.254.0.0/16", "168.63.129.16", "100.100.100.200", "192.0.0.192"],
  ipv6: ["fd00:ec2::254", "fd20:ce::254"],
} as const;

/** Where clouds have their metadata, and machines talk to their neighbours only (RFC 3927, RFC 4291 section 2.5.6). */
const linkLocal = new BlockList();
linkLocal.addSubnet("169.254.0.0", 16, "ipv4");
linkLocal.addSubnet("fe80::", 10, "ipv6");
linkLocal.addAddress("fd00:ec2::254", "ipv6");

/** Whether a URL's host, as `URL.hostname` has it, is such an address, however it is written. */
export function isLinkLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  const kind = isIP(host);
  return kind !== 0 && linkLocal.check(host, kind === 4 ? "ipv4" : "ipv6");
}

/** IPv4 that is not for the whole Internet (RFC 6890, and multicast); of IPv6, 2000::/3 is, but for what tunnels IPv4 or is documentation. */
const special = new BlockList();
for (const [subnet, bits] of [
  ...([
    ["0.0.0.0", 8],
    ["10.0.0.0", 8],
    ["100.64.0.0", 10],
    ["127.0.0.0", 8],
    ["169.254.0.0", 16],
  ] as const),
  ...([
    ["172.16.0.0", 12],
    ["192.0.0.0", 24],
    ["192.0.2.0", 24],
    ["192.88.99.0", 24],
  ] as const),
  ...([
    ["192.168.0.0", 16],
    ["198.18.0.0", 15],
    ["198.51.100.0", 24],
    ["203.0.113.0", 24],
  ] as const),
  ["224.0.0.0", 3],
] as const)
  special.addSubnet(subnet, bits, "ipv4");
for (const [subnet, bits] of [
  ...([
    ["2001::", 23],
    ["2001:db8::", 32],
    ["2002::", 16],
    ["3fff::", 20],
  ] as const),
] as const)
  special.addSubnet(subnet, bits, "ipv6");
const global = new BlockList();
global.addSubnet("2000::", 3, "ipv6");

/** Whether this address, also as `URL.hostname` has it, is reachable from everywhere: not private, not this machine, not a neighbour. */
export function isPublic(address: string): boolean {
  const plain = plainAddress(address.replace(/^\[|\]$/g, ""));
  if (isIP(plain) === 4) return !special.check(plain, "ipv4");
  return isIP(plain) === 6 && global.check(plain, "ipv6") && !special.check(plain, "ipv6");
}

/** `fd00::1` in 32 hexadecimal digits, as files of /proc/net have it. */
export function hexOf(address6: string): string {
  const [head = "", tail] = address6.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join("");
}
