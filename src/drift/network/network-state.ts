import { release } from "node:os";
import { hexOf } from "../../lib/net/addresses.ts";
import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";
import type { ServerNetwork, Subject } from "../../platform/linux/subject.ts";
import type { Difference } from "../checks/check.ts";

/** Files of /proc/PID/net (proc_net(5)) that show what a network namespace holds. */
const stateFiles = [
  ...(["dev", "route", "fib_trie", "if_inet6", "ipv6_route", "arp"] as const),
  ...(["ip_tables_names", "ip6_tables_names", "arp_tables_names"] as const),
];
type StateFile = (typeof stateFiles)[number];

/** What is in a server's network namespace and Kiln did not put there, as far as /proc shows it; about 0.3 ms. */
export function networkDifferences(subject: Subject): readonly Difference[] {
  const { network, process } = subject;
  if (network === undefined) return [];
  const texts = new Map(
    stateFiles.map((file) => [file, readIfThere(`/proc/${process.pid}/net/${file}`) ?? ""]),
  );
  if (!hasItsNamespace(subject)) return [];
  return compareNetwork((file) => texts.get(file) ?? "", network).map(({ what, detail }) => ({
    kind: "network",
    subject: what,
    detail: `its network namespace has ${detail ?? what} that Kiln did not make`,
  }));
}

/** What was read of its first process was not of another one that has its number by now. */
export function hasItsNamespace({ process, baseline }: Subject): boolean {
  return linkIfThere(`/proc/${process.pid}/ns/net`) === baseline.namespaces.net;
}

interface Strange {
  /** `route 192.0.2.0/24`, `address fd00::1`; a link is named alone. */
  readonly what: string;
  /** When that is not enough for a sentence. */
  readonly detail?: string;
}

export function compareNetwork(
  textOf: (file: StateFile) => string,
  asked: ServerNetwork,
): readonly Strange[] {
  const found = [
    ...strangeLinks(textOf("dev"), asked),
    ...strangeRoutes(textOf("route"), asked),
    ...strangePrefixes(textOf("fib_trie"), asked),
    ...strangeAddresses6(textOf("if_inet6"), asked),
    ...strangeRoutes6(textOf("ipv6_route"), asked),
    ...setNeighbours(textOf("arp")),
    ...tables("iptables", textOf("ip_tables_names")),
    ...tables("ip6tables", textOf("ip6_tables_names")),
    ...tables("arptables", textOf("arp_tables_names")),
  ];
  return [...new Map(found.map((each) => [each.what, each])).values()];
}

/** Links that modules of the kernel put into every namespace when they are loaded. */
const kernelLinks: ReadonlySet<string> = new Set(
  "tunl0 gre0 gretap0 erspan0 ip_vti0 ip6_vti0 sit0 ip6tnl0 ip6gre0".split(" "),
);

function strangeLinks(text: string, { links }: ServerNetwork): readonly Strange[] {
  const names = [...text.matchAll(/^ *([^\s:]+):/gm)].map(([, name = ""]) => name);
  return names
    .filter((name) => !links.includes(name) && !kernelLinks.has(name))
    .map((name) => ({ what: name, detail: `a link ${name}` }));
}

/** `Iface Destination Gateway Flags RefCnt Use Metric Mask …` of the main table; addresses are numbers as the processor holds them. */
function strangeRoutes(text: string, asked: ServerNetwork): readonly Strange[] {
  const expected = new Set([`0.0.0.0/0 ${asked.gateway}`, `${subnetOf(asked)} 0.0.0.0`]);
  return rows(text)
    .slice(1)
    .flatMap(([, destination = "", via = "", , , , , mask = ""]) => {
      const prefix = `${formatNumber(number(destination))}/${bitsOf(number(mask))}`;
      const gateway = formatNumber(number(via));
      return expected.has(`${prefix} ${gateway}`) ? [] : { what: routeName(prefix, gateway) };
    });
}

function routeName(prefix: string, gateway: string): string {
  return gateway === "0.0.0.0" ? `route ${prefix}` : `route ${prefix} via ${gateway}`;
}

/** All tables with all their prefixes, addresses of the machine itself among them: `|-- ADDRESS`, then `/BITS SCOPE TYPE`. */
function strangePrefixes(text: string, asked: ServerNetwork): readonly Strange[] {
  const expected = prefixesOf(asked);
  const found: Strange[] = [];
  let table = "";
  let address = "";
  for (const line of text.split("\n")) {
    table = /^(?:Id )?(\w+):$/.exec(line)?.[1] ?? table;
    address = /^ +\|-- (\S+)$/.exec(line)?.[1] ?? address;
    const [, bits, type] = /^ +\/(\d+) \S+ (\w+)/.exec(line) ?? [];
    if (bits === undefined || type === undefined) continue;
    const prefix = `${address}/${bits}`;
    const isOther = table !== "Main" && table !== "Local";
    if (isOther) found.push({ what: `route ${prefix} table ${table}` });
    else if (!expected.has(`${prefix} ${type}`)) found.push({ what: prefixName(prefix, type) });
  }
  return found;
}

function prefixName(prefix: string, type: string): string {
  if (type === "LOCAL") return `address ${prefix.replace(/\/32$/, "")}`;
  return type === "UNICAST" ? `route ${prefix}` : `route ${type.toLowerCase()} ${prefix}`;
}

/** Kernels before Linux 5.17 count the first address of a network as one for broadcasts. */
function prefixesOf(asked: ServerNetwork): ReadonlySet<string> {
  const size = 2 ** (32 - asked.prefixBits);
  const base = Math.floor(parseNumber(asked.address) / size) * size;
  const broadcasts = [base, base + size - 1].map(formatNumber);
  return new Set([
    ...["0.0.0.0/0 UNICAST", `${subnetOf(asked)} UNICAST`, `${asked.address}/32 LOCAL`],
    ...["127.0.0.0/8 LOCAL", "127.0.0.1/32 LOCAL"],
    ...[...broadcasts, "127.0.0.0", "127.255.255.255"].map((address) => `${address}/32 BROADCAST`),
  ]);
}

const loopback6 = "00000000000000000000000000000001";

/** `ADDRESS INDEX BITS SCOPE FLAGS LINK`: Kiln gives one at most. */
function strangeAddresses6(text: string, { ipv6 }: ServerNetwork): readonly Strange[] {
  const own = ipv6 && `${hexOf(ipv6.address)} ${ipv6.prefixBits.toString(16)}`;
  return rows(text)
    .filter(([address, , bits]) => address !== loopback6 && `${address} ${bits}` !== own)
    .map(([address = ""]) => ({ what: `address ${colons(address)}` }));
}

/** RTF_REJECT of linux/route.h: the kernel's own entries that refuse everything. */
const refuses = 0x0200;
const kernelRoutes6: ReadonlySet<string> = new Set([`${loopback6} 80`, `ff${"0".repeat(30)} 08`]);

const none6 = "0".repeat(32);

/** What follows from its address, and its way out: `DESTINATION/BITS GATEWAY`, as numbers. */
function routesOf6({ ipv6 }: ServerNetwork): ReadonlySet<string> {
  if (ipv6 === undefined) return new Set();
  const own = hexOf(ipv6.address);
  const digits = ipv6.prefixBits / 4;
  const net = own.slice(0, digits).padEnd(32, "0");
  return new Set([
    `${own} 80 ${none6}`,
    `${net} ${ipv6.prefixBits.toString(16)} ${none6}`,
    `${none6} 00 ${hexOf(ipv6.gateway)}`,
  ]);
}

/** `DESTINATION BITS SOURCE BITS GATEWAY METRIC REFCNT USE FLAGS LINK` of all tables, numbers in hex. */
function strangeRoutes6(text: string, asked: ServerNetwork): readonly Strange[] {
  const expected = routesOf6(asked);
  return rows(text)
    .filter(([to = "", bits = "", from, , via = "", metric, , , flags = "", link]) => {
      if (from === none6 && expected.has(`${to} ${bits} ${via}`)) return false;
      const isKernels =
        link === "lo" && metric === "ffffffff" && (Number.parseInt(flags, 16) & refuses) !== 0;
      return !isKernels && !kernelRoutes6.has(`${to} ${bits}`);
    })
    .map(([to = "", bits = ""]) => ({ what: `route ${colons(to)}/${Number.parseInt(bits, 16)}` }));
}

/** ATF_PERM and ATF_PUBL of linux/if_arp.h: the kernel learns neither by itself. */
const isSet = 0x4 | 0x8;

function setNeighbours(text: string): readonly Strange[] {
  return rows(text)
    .slice(1)
    .filter(([, , flags = ""]) => (Number(flags) & isSet) !== 0)
    .map(([address = ""]) => ({ what: `neighbour ${address}` }));
}

/** Before Linux 5.15 the kernel put this one into each namespace; since then a table exists once a program has used it. */
const kernelTables: readonly string[] = isOlderThan(5, 15) ? ["filter"] : [];

function isOlderThan(major: number, minor: number): boolean {
  const [at = 0, below = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return at < major || (at === major && below < minor);
}

function tables(program: string, text: string): readonly Strange[] {
  return rows(text)
    .filter(([name = ""]) => !kernelTables.includes(name))
    .map(([name = ""]) => ({
      what: `${program} table ${name}`,
      detail: `a packet filter of ${program} (table ${name})`,
    }));
}

function rows(text: string): readonly (readonly string[])[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim().split(/\s+/)]));
}

function subnetOf({ address, prefixBits }: ServerNetwork): string {
  const size = 2 ** (32 - prefixBits);
  return `${formatNumber(Math.floor(parseNumber(address) / size) * size)}/${prefixBits}`;
}

function parseNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function formatNumber(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** Hex of an address in network order as a little-endian processor reads it; Node.js 24 runs on no other that Kiln has images for. */
function number(hex: string): number {
  return Buffer.from(hex, "hex").reduceRight((sum, byte) => sum * 256 + byte, 0);
}

function bitsOf(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}

/** `fd00:0:…:1` as inet_ntop(3) would write it, but for the groups of zeros, which are all written. */
function colons(hex: string): string {
  return (hex.match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, "")).join(":");
}
