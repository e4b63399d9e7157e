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
