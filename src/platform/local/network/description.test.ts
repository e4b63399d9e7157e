import { describe, expect, test } from "vitest";
import { compareNetwork } from "./comparison.ts";
import { describeNetwork } from "./description.ts";
import { droppingChains, type NetworkState } from "./state.ts";

const network = { tag: "0123abcd", subnet: { base: 0x0ac0_0400, bits: 22 }, mtu: 1400 };
const bridge = "kiln-0123abcd";
const guard = "unreachable 10.192.4.0/22 metric 2166598605 proto 107";

const files = { config: "a", hosts: "b", servers: "c" };
const wanted = { filter: "the table", nameFilter: "the names", resolver: files };

const nothing: NetworkState = {
  links: new Map(),
  routes: [],
  rules: [],
  ways: new Map(),
  filter: undefined,
  nameFilter: undefined,
  uplink: undefined,
  resolver: { pid: undefined, files: { config: "", hosts: "", servers: "" } },
  dropping: [],
  forwards: false,
  iptables: {},
  routes6: [],
  forwards6: false,
  advertised: [],
  nameServers: 1,
  insides: new Map(),
};

const whole: NetworkState = {
  ...nothing,
  links: new Map([
    [
      bridge,
      {
        ...{ ifname: bridge, flags: ["UP"], mtu: 1400, address: "02:6b:0a:c0:04:01" },
        addr_info: [{ family: "inet", local: "10.192.4.1", prefixlen: 22 }],
      },
    ],
  ]),
  routes: [
    { type: "unicast", dst: "10.192.4.0/22", dev: bridge, metric: 0, table: "main" },
    { type: "unreachable", dst: "10.192.4.0/22", protocol: "107", metric: 2166598605, table: "main" },
  ],
  ways: new Map([["10.192.4.2", bridge]]),
  filter: "the table",
  nameFilter: "the names",
  resolver: { pid: 7, files },
  forwards: true,
};

const compare = (state: NetworkState) => compareNetwork(describeNetwork(network, wanted, []), state);

test("nothing is broken of a network that is whole", () => {
  expect(compare(whole)).toEqual([]);
});

test("what a machine without any of it lacks is how the network is made", () => {
  const broken = compare(nothing);
  expect(broken.flatMap(({ mend }) => mend?.ip ?? [])).toEqual([
    `link add name ${bridge} address 02:6b:0a:c0:04:01 mtu 1400 type bridge mcast_snooping 0`,
    `link set ${bridge} addrgenmode none`,
    `link set ${bridge} address 02:6b:0a:c0:04:01`,
    `link set ${bridge} mtu 1400`,
    `link set ${bridge} addrgenmode none`,
    `addr add 10.192.4.1/22 dev ${bridge}`,
    `link set ${bridge} up`,
    `route replace 10.192.4.0/22 dev ${bridge} proto kernel scope link src 10.192.4.1`,
    `route replace ${guard}`,
  ]);
  expect(broken.some(({ mend }) => mend?.filter)).toBe(true);
  expect(broken.flatMap(({ mend }) => mend?.settings ?? [])).toEqual([
    { file: "/proc/sys/net/ipv4/ip_forward", value: "1" },
    { file: `/proc/sys/net/ipv4/conf/${bridge}/forwarding`, value: "1" },
  ]);
  // Of a bridge that is missing, that it has no address is not news.
  expect(broken.filter(({ isImplied }) => !isImplied).map(({ words }) => words)).toEqual([
    `The bridge ${bridge} was deleted.`,
    "The route that keeps traffic for 10.192.4.0/22 on this machine was deleted.",
    `The packet filter table inet ${bridge} was deleted.`,
    `The packet filter table inet ${bridge}-names was deleted.`,
  ]);
});

test("what an earlier run has left with another subnet goes", () => {
  const leftover = {
    type: "unreachable",
    dst: "10.199.0.0/22",
    protocol: "107",
    metric: 2166598605,
    table: "main",
  };
  const broken = compare({ ...whole, routes: [...whole.routes, leftover] });
  expect(broken.map(({ mend }) => mend)).toEqual([
    { ip: [`route del ${guard.replace("10.192.4.0", "10.199.0.0")}`, `route replace ${guard}`] },
  ]);
});

test("what others do is named, and not undone", () => {
  const route = { type: "unicast", dst: "10.192.4.0/24", dev: "tun0", metric: 0, table: "main" };
  const diverted = { ...whole, routes: [...whole.routes, route], ways: new Map([["10.192.4.2", "tun0"]]) };
  expect(compare(diverted)).toMatchObject([
    {
      words: expect.stringMatching(/\(10.192.4.2\) to tun0: route 10.192.4.0\/24 dev tun0/),
      mend: undefined,
      isFatal: true,
    },
  ]);
  const unfit = { ...whole, dropping: ["inet firewalld filter_FORWARD"], nameServers: 0 };
  const withoutResolver = describeNetwork(network, { ...wanted, resolver: undefined }, []);
  expect(compareNetwork(withoutResolver, unfit)).toMatchObject([
    { mend: undefined, isFatal: false },
    { mend: undefined, isFatal: false },
  ]);
});

test("names that lead elsewhere, and a resolver that is gone or knows others, are mended", () => {
  const mended = { mend: { names: true }, isFatal: false };
  const changed = { ...whole, nameFilter: "others" };
  expect(compare(changed)).toMatchObject([{ words: expect.stringMatching(/-names was changed/), ...mended }]);
  const ended = { ...whole, resolver: { pid: undefined, files } };
  expect(compare(ended)).toMatchObject([
    { words: expect.stringMatching(/resolver .* did not run/), ...mended },
  ]);
  const other = { ...whole, resolver: { pid: 7, files: { ...files, hosts: "d" } } };
  expect(compare(other)).toMatchObject([{ words: expect.stringMatching(/had other files/), ...mended }]);
});

test("of other chains, those count that drop forwarded packets", () => {
  const chain = (name: string, hook: string, policy: string) =>
    `\tchain ${name} {\n\t\ttype filter hook ${hook} priority filter; policy ${policy};\n\t}\n`;
  const tables = [
    `table ip filter {\n${chain("FORWARD", "forward", "drop")}${chain("INPUT", "input", "drop")}}`,
    `table ip6 filter {\n${chain("FORWARD", "forward", "drop")}}`,
    `table inet firewalld {\n${chain("filter_FORWARD", "forward", "accept")}${chain("last", "forward", "drop")}}`,
  ];
  expect(droppingChains(tables.join("\n"))).toEqual([
    ...["ip filter FORWARD", "ip6 filter FORWARD", "inet firewalld last"],
  ]);
});

describe("with IPv6", () => {
  const ipv6 = { prefix: "fd12:3456:789a", isOn: true };
  const guard6 = "unreachable fd12:3456:789a::/48 metric 2166598605 proto 107";
  const compare6 = (state: NetworkState) =>
    compareNetwork(describeNetwork({ ...network, ipv6 }, wanted, []), state);
  const link = whole.links.get(bridge);
  const route = { type: "unicast", dev: bridge, metric: 256, table: "main" };
  const ownRoutes = [
    { ...route, dst: "fd12:3456:789a::/64" },
    {
      ...{ type: "unreachable", dst: "fd12:3456:789a::/48", protocol: "107", metric: 2166598605 },
      table: "main",
    },
  ];
  const whole6: NetworkState = {
    ...whole,
    links: new Map([
      [
        bridge,
        {
          ...{ ifname: bridge, flags: ["UP"], mtu: 1400, address: "02:6b:0a:c0:04:01" },
          addr_info: [
            ...(link?.addr_info ?? []),
            { family: "inet6", local: "fd12:3456:789a::1", prefixlen: 64 },
            { family: "inet6", local: "fe80::1", prefixlen: 64 },
          ],
        },
      ],
    ]),
    routes6: ownRoutes,
    ways: new Map([...whole.ways, ["fd12:3456:789a::2", bridge]]),
  };
  const wayOut = { ...route, dst: "default", dev: "world", protocol: "ra" };

  test("addresses, a route and its guard are made, and no way out where the machine has none", () => {
    expect(compare6(whole6)).toEqual([]);
    expect(compare6(whole).flatMap(({ mend }) => mend?.ip ?? [])).toEqual([
      `addr add fd12:3456:789a::1/64 dev ${bridge} nodad`,
      `addr add fe80::1/64 dev ${bridge} nodad`,
      `route replace fd12:3456:789a::/64 dev ${bridge} proto kernel metric 256`,
      `route replace ${guard6}`,
    ]);
    expect(compare6(whole).map(({ isFatal }) => isFatal)).not.toContain(true);
  });

  test("where the machine has a way out, it forwards, and still hears the router that told it", () => {
    const out = { ...whole6, routes6: [...ownRoutes, wayOut], advertised: ["world"] };
    expect(compare6(out).map(({ mend }) => mend)).toEqual([
      {
        settings: [
          { file: "/proc/sys/net/ipv6/conf/world/accept_ra", value: "2" },
          { file: "/proc/sys/net/ipv6/conf/all/forwarding", value: "1" },
          { file: `/proc/sys/net/ipv6/conf/${bridge}/forwarding`, value: "1" },
        ],
      },
    ]);
    const iptables = { ip6tables: "-P FORWARD DROP\n" };
    expect(compare6({ ...out, forwards6: true, iptables })).toMatchObject([
      {
        words: "The FORWARD chain of ip6tables drops packets of servers.",
        mend: {
          iptables: [
            ["ip6tables", "-w", "-I", "FORWARD", "-i", bridge, "-j", "ACCEPT"],
            expect.anything(),
            expect.anything(),
          ],
        },
      },
    ]);
    expect(compare6({ ...whole6, iptables })).toEqual([]);
  });

  test("of a server made with it, its address and its way out count; of one made without, neither", () => {
    const hex = "fd123456789a0000000000000000000";
    const zeros = "0".repeat(32);
    const inside = {
      ...{ isNamed: true, addresses: "  |-- 10.192.4.2\n  |-- 127.0.0.1\n" },
      routes: "eth0\t00000000\t0104C00A\t",
      addresses6: `${hex}2 02 40 00 80 eth0\n`,
      routes6: `${zeros} 00 ${zeros} 00 ${hex}1 00000400 00000001 00000000 00000003 eth0\n`,
    };
    const port = { namespace: "n", link: "k", address: 0x0ac0_0402 };
    const lostWith = (address6: string | undefined, change: Partial<typeof inside>) => {
      const server = { id: "shop-1-1-1", port: { ...port, address6 }, pid: 1, mtu: 1400 };
      const state = { ...whole6, insides: new Map([["shop-1-1-1", { ...inside, ...change }]]) };
      return compareNetwork(describeNetwork({ ...network, ipv6 }, wanted, [server]), state).some(
        ({ words }) => /changed from inside/.test(words),
      );
    };
    const own = "fd12:3456:789a::2";
    expect(lostWith(own, {})).toBe(false);
    expect(lostWith(own, { addresses6: "" })).toBe(true);
    expect(lostWith(own, { routes6: "" })).toBe(true);
    expect(lostWith(undefined, { addresses6: "", routes6: "" })).toBe(false);
  });
});
