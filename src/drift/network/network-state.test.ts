import { expect, test } from "vitest";
import { compareNetwork } from "./network-state.ts";

const asked = { links: ["lo", "eth0"], address: "10.247.184.45", prefixBits: 22, gateway: "10.247.184.1" };

const route = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	01B8F70A	0003	0	0	0	00000000	0	0	0
eth0	00B8F70A	00000000	0001	0	0	0	00FCFFFF	0	0	0
`;

const trie = `Main:
  +-- 0.0.0.0/1 2 0 2
     +-- 0.0.0.0/4 2 0 2
        |-- 0.0.0.0
           /0 universe UNICAST
        +-- 10.247.184.0/22 2 0 2
              |-- 10.247.184.0
                 /22 link UNICAST
              |-- 10.247.184.45
                 /32 host LOCAL
           |-- 10.247.187.255
              /32 link BROADCAST
Local:
  +-- 0.0.0.0/1 2 0 2
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
`;

const zeros = "0".repeat(32);
const routes6 = `${zeros} 00 ${zeros} 00 ${zeros} ffffffff 00000001 00000000 00200200       lo
00000000000000000000000000000001 80 ${zeros} 00 ${zeros} 00000000 00000002 00000000 80200001       lo
ff000000000000000000000000000000 08 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     eth0
`;

const untouched = {
  dev: "Inter-| Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 1\n sit0: 0 0\n",
  ...{ route, fib_trie: trie, ipv6_route: routes6 },
  if_inet6: "00000000000000000000000000000001 01 80 10 80       lo\n",
  arp: "IP address HW type Flags HW address Mask Device\n10.247.184.1 0x1 0x2 02:6b:0a:f7:b8:01 * eth0\n",
};

const ipv6 = { address: "fd12:3456:789a::2", prefixBits: 64, gateway: "fd12:3456:789a::1" };

type File = Parameters<Parameters<typeof compareNetwork>[0]>[0];
const found = (
  changed: Partial<Record<File, string>>,
  network: typeof asked & { ipv6?: typeof ipv6 } = asked,
) => {
  const texts: Partial<Record<File, string>> = { ...untouched, ...changed };
  return compareNetwork((file) => texts[file] ?? "", network).map(({ what }) => what);
};

test("what Kiln and the kernel have made is nothing to tell", () => {
  expect(found({})).toEqual([]);
});

test("links, routes, addresses and neighbours that were added", () => {
  expect(found({ dev: `${untouched.dev} left: 0 0\n` })).toEqual(["left"]);
  const further = "eth0\t000200C0\t01B8F70A\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  expect(found({ route: route + further })).toEqual(["route 192.0.2.0/24 via 10.247.184.1"]);
  const other = route.replace("01B8F70A", "02B8F70A");
  expect(found({ route: other })).toEqual(["route 0.0.0.0/0 via 10.247.184.2"]);
  expect(found({ arp: `${untouched.arp}10.247.184.9 0x1 0x6 02:00:00:00:00:09 * eth0\n` })).toEqual([
    "neighbour 10.247.184.9",
  ]);
  const address = "fd000000000000000000000000000001 02 40 00 80     eth0\n";
  expect(found({ if_inet6: untouched.if_inet6 + address })).toEqual(["address fd00:0:0:0:0:0:0:1"]);
  const to = `fd00${"0".repeat(28)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001     eth0\n`;
  expect(found({ ipv6_route: routes6 + to })).toEqual(["route fd00:0:0:0:0:0:0:0/64"]);
});

test("prefixes of every table and of every type", () => {
  const leaf = (address: string, bits: number, type: string) =>
    `        |-- ${address}\n           /${bits} universe ${type}\n`;
  expect(found({ fib_trie: `Id 77:\n${leaf("0.0.0.0", 0, "UNICAST")}${trie}` })).toEqual([
    "route 0.0.0.0/0 table 77",
  ]);
  expect(found({ fib_trie: trie + leaf("192.0.2.1", 32, "LOCAL") })).toEqual(["address 192.0.2.1"]);
  expect(found({ fib_trie: trie + leaf("192.0.2.0", 24, "BLACKHOLE") })).toEqual([
    "route blackhole 192.0.2.0/24",
  ]);
});

test("a table of iptables that a program has used", () => {
  expect(found({ ip_tables_names: "nat\n", ip6_tables_names: "mangle\n" })).toEqual([
    "iptables table nat",
    "ip6tables table mangle",
  ]);
});

test("its own IPv6 address, prefix and way out, and nothing else", () => {
  const [net, rest] = [`fd123456789a${"0".repeat(20)}`, `${zeros} 00`];
  const line = (to: string, via = zeros) =>
    `${to} ${rest} ${via} 00000100 00000001 00000000 00000001     eth0\n`;
  const own = `${net.slice(0, -1)}2`;
  const gateway = `${net.slice(0, -1)}1`;
  const made = {
    if_inet6: `${untouched.if_inet6}${own} 02 40 00 80     eth0\n`,
    ipv6_route: routes6 + line(`${net} 40`) + line(`${own} 80`) + line(`${zeros} 00`, gateway),
  };
  const told = (change: Partial<typeof made>) => found({ ...made, ...change }, { ...asked, ipv6 });
  expect(told({})).toEqual([]);
  expect(told({ if_inet6: made.if_inet6.replaceAll("2 02 40", "3 02 40") })).toEqual([
    "address fd12:3456:789a:0:0:0:0:3",
  ]);
  expect(told({ if_inet6: made.if_inet6.replace(" 02 40 ", " 02 30 ") })).toEqual([
    "address fd12:3456:789a:0:0:0:0:2",
  ]);
  const other = made.ipv6_route + line(`${zeros} 00`, own);
  expect(told({ ipv6_route: other })).toEqual(["route 0:0:0:0:0:0:0:0/0"]);
  expect(found(made)).toHaveLength(4);
});
