import { SocketAddress } from "node:net";

/** A TCP socket that listens, or one of UDP that is open to all senders. */
export interface Listener {
  readonly port: number;
  /** `any`: every address; `loopback`: reachable only from the same network namespace; `one`: a single other address. */
  readonly reach: "any" | "loopback" | "one";
  /** As `canonicalAddress` writes it. */
  readonly address: string;
  /** A socket of IPv6 for any address has IPv4 too, unless it has set IPV6_V6ONLY, which the tables do not show. */
  readonly family: 4 | 6;
  /** Inode in sockfs: the link /proc/PID/fd/N of the process that holds it reads `socket:[INODE]`. */
  readonly inode: string;
}

/** TCP_LISTEN and, for what UDP is not connected to anyone, TCP_CLOSE of linux/tcp_states.h. */
const [listening, unconnected] = ["0A", "07"];

/** Reads tables in the form of proc_net(5), `tcp` and `tcp6`: addresses in hexadecimal, each 32 bits in the machine's order. */
export function parseListeners(...tables: readonly string[]): readonly Listener[] {
  return parseSockets(listening, tables);
}

/** The same of `udp` and `udp6`. */
export function parseDatagramListeners(...tables: readonly string[]): readonly Listener[] {
  return parseSockets(unconnected, tables);
}

function parseSockets(state: string, tables: readonly string[]): readonly Listener[] {
  return tables
    .flatMap((table) => table.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === state)
    .map((columns) => {
      const [address = "", port = ""] = columns[1]?.split(":") ?? [];
      const family = address.length > 8 ? 6 : 4;
      return {
        ...{ port: Number.parseInt(port, 16), reach: reachOf(address), address: addressOf(address) },
        ...{ family, inode: columns[9] ?? "" },
      };
    });
}

/** Where someone wants to listen. No addresses, `0.0.0.0` or `::`: at every one. */
export interface ListenPlace {
  readonly port: number;
  readonly addresses?: readonly string[] | undefined;
}

/** Whether the listener has that place. Two sockets may have one port at different addresses; one for every address has it at each. */
export function occupies(listener: Listener, { port, addresses }: ListenPlace): boolean {
  if (listener.port !== port) return false;
  if (listener.reach === "any" || addresses === undefined) return true;
  return addresses
    .map(canonicalAddress)
    .some((address) => everywhere.has(address) || address === listener.address);
}

const everywhere: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The one form in which an IP address is compared: IPv6 shortened as Node.js does, IPv4 within IPv6 as IPv4. */
function canonicalAddress(text: string): string {
  const family = text.includes(":") ? "ipv6" : "ipv4";
  return new SocketAddress({ address: text, family }).address.replace(/^::ffff:(?=.*\.)/, "");
}

function addressOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).toReversed());
  if (words.length === 1)
    return words
      .flat()
      .map((byte) => Number.parseInt(byte, 16))
      .join(".");
  const groups = words.flatMap(([a, b, c, d]) => [`${a}${b}`, `${c}${d}`]);
  return canonicalAddress(groups.join(":"));
}

/** 127.0.0.0/8 also as an IPv4-mapped address (RFC 4291 section 2.5.5.2), and ::1. */
function reachOf(address: string): Listener["reach"] {
  if (/^0+$/.test(address)) return "any";
  return /^(0{16}0*FFFF0000)?[0-9A-F]{6}7F$|^0{24}01000000$/.test(address) ? "loopback" : "one";
}
