import { hexOf } from "../../lib/net/addresses.ts";
import type { Subnet } from "./addresses.ts";

/**
 * A prefix of 48 bits of unique local IPv6 addresses (RFC 4193), without its `::/48`: `fd12:3456:789a`. Its 40 bits are random. No
 * group of it is zero, so that what is put together here is written as the kernel writes it (RFC 5952).
 */
export type UniqueLocalPrefix = string;

/** Of 5 random bytes; undefined when a group of it would be zero. */
export function uniqueLocalPrefix(random: Uint8Array): UniqueLocalPrefix | undefined {
  const [first = 0, ...rest] = random;
  const [a = 0, b = 0, c = 0, d = 0] = rest;
  const groups = [0xfd00 + first, a * 256 + b, c * 256 + d];
  return groups.includes(0) ? undefined : groups.map((group) => group.toString(16)).join(":");
}

export function wholePrefix(prefix: UniqueLocalPrefix): string {
  return `${prefix}::/48`;
}

/** Servers and the machine on their link. */
export function serversPrefix(prefix: UniqueLocalPrefix): string {
  return `${prefix}::/64`;
}

/** Addresses that names lead to. */
export function namesPrefix(prefix: UniqueLocalPrefix): string {
  return `${prefix}:1::/64`;
}

/** The machine's own address among servers. */
export function gateway6(prefix: UniqueLocalPrefix): string {
  return `${prefix}::1`;
}

/** The gateway of the server with this address. */
export function gatewayOf(address6: string): string {
  return address6.replace(/::.*$/, "::1");
}

/** A server's: its place in the IPv4 subnet says which one. */
export function serverAddress6(prefix: UniqueLocalPrefix, subnet: Subnet, address: number): string {
  return `${prefix}::${(address - subnet.base).toString(16)}`;
}

/** A name's, from its IPv4 address within a network of at most 16 bits for hosts. */
export function nameAddress6(prefix: UniqueLocalPrefix, within: Subnet, address: number): string {
  return `${prefix}:1::${(address - within.base).toString(16)}`;
}

/** An IPv6 network as the kernel writes it: `fd00::/8`, `fd00::1`. */
interface Network6 {
  /** 128 bits. */
  readonly bits: bigint;
  readonly length: number;
}

/** Networks so large are plans for addresses, which ours are part of; what is in use is smaller. */
const largest = 8;

/** Whether networks of others (`fd00:1::/32`; other texts are none) leave this prefix alone. */
export function isFree(prefix: UniqueLocalPrefix, others: readonly string[]): boolean {
  const ours = parseNetwork6(wholePrefix(prefix));
  return !others.some((text) => {
    const other = parseNetwork6(text);
    return ours && other && other.length > largest && overlap6(ours, other);
  });
}

function overlap6(a: Network6, b: Network6): boolean {
  const shift = BigInt(128 - Math.min(a.length, b.length));
  return a.bits >> shift === b.bits >> shift;
}

function parseNetwork6(text: string): Network6 | undefined {
  const [address = "", length = "128"] = text.split("/");
  if (!/^[0-9a-f:]+$/i.test(address) || !address.includes(":")) return undefined;
  return { bits: BigInt(`0x${hexOf(address)}`), length: Number(length) };
}
