import { createHash } from "node:crypto";

/** An IPv4 network: `base` is its first address as a number, `bits` the length of its prefix. */
export interface Subnet {
  readonly base: number;
  readonly bits: number;
}

/** `10.1.2.3` as a number, or undefined when it is not an IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** `10.1.0.0/22` or a single address. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = "", bits = "32"] = text.split("/");
  const base = parseAddress(address);
  return base === undefined ? undefined : { base, bits: Number(bits) };
}

export function formatSubnet({ base, bits }: Subnet): string {
  return `${formatAddress(base)}/${bits}`;
}

export function subnetSize({ bits }: Subnet): number {
  return 2 ** (32 - bits);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.base < b.base + subnetSize(b) && b.base < a.base + subnetSize(a);
}

/** Our side of the bridge: the first usable address. */
export function gateway({ base }: Subnet): number {
  return base + 1;
}

/** Room for 1021 servers. */
const ourBits = 22;
const firstCandidate: Subnet = { base: 0x0ac0_0000, bits: 10 }; // 10.192.0.0/10: seldom used by others

/**
 * A private network for one installation that meets none of `taken`, or undefined when all are. Starts from a place
 * that the tag decides, so that two installations that choose at the same moment choose differently.
 */
export function chooseSubnet(tag: string, taken: readonly Subnet[]): Subnet | undefined {
  const step = 2 ** (32 - ourBits);
  const count = subnetSize(firstCandidate) / step;
  const start = createHash("sha256").update(tag).digest().readUInt32BE(0) % count;
  for (let i = 0; i < count; i++) {
    const subnet = { base: firstCandidate.base + ((start + i) % count) * step, bits: ourBits };
    if (!taken.some((other) => overlap(subnet, other))) return subnet;
  }
  return undefined;
}

/**
 * A free address for a server, or undefined when there is none. Goes round, so that an address rests as long as
 * possible before it is given out again: a client that still remembers its last owner meets no server there.
 */
export function chooseAddress(subnet: Subnet, used: ReadonlySet<number>, after: number): number | undefined {
  const first = gateway(subnet) + 1;
  const count = subnetSize(subnet) - 3; // without the network's own, the gateway's and the broadcast address
  const start = after >= first && after < first + count ? after - first + 1 : 0;
  for (let i = 0; i < count; i++) {
    const address = first + ((start + i) % count);
    if (!used.has(address)) return address;
  }
  return undefined;
}

/** A locally administered MAC address (IEEE 802, bit 1 of the first byte) that follows from the IP address. */
export function macAddress(address: number): string {
  const bytes = [24, 16, 8, 0].map((shift) => ((address >>> shift) & 255).toString(16).padStart(2, "0"));
  return `02:6b:${bytes.join(":")}`;
}
