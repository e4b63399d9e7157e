import { expect, test } from "vitest";
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
  resolver: { pid: undefined, files: { config: "", hosts: "", servers: "" } },
  dropping: [],
  forwards: false,
  iptables: "",
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
  expect(broken.some(({ mend }) => mend?.forwarding)).toBe(true);
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

test("of other chains, those count that drop forwarded packets of IPv4", () => {
  const chain = (name: string, hook: string, policy: string) =>
    `\tchain ${name} {\n\t\ttype filter hook ${hook} priority filter; policy ${policy};\n\t}\n`;
  const tables = [
    `table ip filter {\n${chain("FORWARD", "forward", "drop")}${chain("INPUT", "input", "drop")}}`,
    `table ip6 filter {\n${chain("FORWARD", "forward", "drop")}}`,
    `table inet firewalld {\n${chain("filter_FORWARD", "forward", "accept")}${chain("last", "forward", "drop")}}`,
  ];
  expect(droppingChains(tables.join("\n"))).toEqual(["ip filter FORWARD", "inet firewalld last"]);
});
