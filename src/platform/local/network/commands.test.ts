import { expect, test } from "vitest";
import {
  attachBatch,
  configureBatch,
  detachBatch,
  filterRules,
  forwardRules,
  portOf,
  removeForwardRules,
} from "./commands.ts";

const network = { tag: "0123abcd", subnet: { base: 0x0ac0_0400, bits: 22 }, mtu: 1400 };
const port = portOf(network, "shop-1-1-1", 0x0ac0_0402);

test("a server's port: namespace and veth pair, isolated on the bridge", () => {
  expect(attachBatch(network, port, undefined).split("\n")).toEqual([
    "netns add kiln-0123abcd-shop-1-1-1",
    "link add name k0123abcd.2 mtu 1400 type veth peer name eth0 address 02:6b:0a:c0:04:02 mtu 1400 netns kiln-0123abcd-shop-1-1-1",
    "link set k0123abcd.2 addrgenmode none",
    "link set k0123abcd.2 master kiln-0123abcd up",
    "link set k0123abcd.2 type bridge_slave isolated on",
    "route get 10.192.4.2",
    "",
  ]);
  expect(configureBatch(network, port).split("\n")).toEqual([
    "link set lo up",
    "link set eth0 addrgenmode none",
    "addr add 10.192.4.2/22 dev eth0",
    "link set eth0 up",
    "route add default via 10.192.4.1",
    "",
  ]);
  expect(detachBatch(port)).toBe("link del k0123abcd.2\nnetns del kiln-0123abcd-shop-1-1-1\n");
});

test("names of links fit into the kernel's 15 bytes, up to the last address", () => {
  expect(portOf(network, "x-1-1-1", network.subnet.base + 1022).link.length).toBeLessThanOrEqual(15);
});

test("filter rules replace themselves in one transaction", () => {
  expect(filterRules(network)).toBe(`add table inet kiln-0123abcd
delete table inet kiln-0123abcd
table inet kiln-0123abcd {
  set connections {
    type ipv4_addr; size 1024; flags dynamic;
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.192.4.0/22 oifname != "kiln-0123abcd" masquerade
    ip saddr { 127.0.0.0/8, 10.192.4.0/22 } oifname "kiln-0123abcd" ct status dnat masquerade
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "kiln-0123abcd" meta nfproto ipv6 drop
    iifname "kiln-0123abcd" ct state new add @connections { ip saddr ct count over 8192 } drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "kiln-0123abcd" ct state new add @connections { ip saddr ct count over 8192 } drop
    oifname "kiln-0123abcd" iifname != "kiln-0123abcd" ct state established,related accept
    oifname "kiln-0123abcd" meta nfproto ipv4 meta l4proto udp ct status dnat accept
    oifname "kiln-0123abcd" drop
  }
}
`);
});

const ours = [
  "-A FORWARD -i kiln-0123abcd -j ACCEPT",
  "-A FORWARD -o kiln-0123abcd -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  "-A FORWARD -o kiln-0123abcd -p udp -m conntrack --ctstate DNAT -j ACCEPT",
];

test("forwarding is opened only where something else has closed it, and each rule once", () => {
  expect(forwardRules("0123abcd", "-P FORWARD ACCEPT\n")).toEqual([]);
  expect(
    forwardRules("0123abcd", "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n").map((rule) => rule.join(" ")),
  ).toEqual(ours.map((rule) => rule.replace("-A", "-w -I")));
  expect(forwardRules("0123abcd", `-P FORWARD DROP\n${ours.join("\n")}\n`)).toEqual([]);
});

test("what was opened is closed again, and nothing of others", () => {
  expect(removeForwardRules("0123abcd", "-P FORWARD DROP\n-A FORWARD -i kiln-ffffffff -j ACCEPT\n")).toEqual(
    [],
  );
  expect(removeForwardRules("0123abcd", ours.join("\n")).map((rule) => rule.join(" "))).toEqual(
    ours.map((rule) => rule.replace("-A", "-w -D")),
  );
});

test("by IPv6 servers reach of the machine what names lead to, and each sends from its own address", () => {
  const ipv6 = { prefix: "fd12:3456:789a", isOn: true };
  const from = '    iifname "kiln-0123abcd" ip6 saddr fd12:3456:789a::/64';
  const [before = "", rest = ""] = filterRules({ ...network, ipv6 }).split("  chain input {\n");
  expect(before).toContain('    ip6 saddr fd12:3456:789a::/64 oifname != "kiln-0123abcd" masquerade\n');
  expect(rest.split("\n").slice(1, 10)).toEqual([
    `${from} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`,
    `${from} ct state new add @connections6 { ip6 saddr ct count over 8192 } drop`,
    `${from} ct state established,related accept`,
    `${from} ip6 daddr fd12:3456:789a::1 icmpv6 type echo-request accept`,
    `${from} ct status dnat th dport 24000-32767 accept`,
    `${from} meta l4proto tcp reject with tcp reset`,
    `${from} reject`,
    '    iifname "kiln-0123abcd" meta nfproto ipv6 drop',
    expect.stringContaining("@connections {"),
  ]);
  expect(filterRules({ ...network, ipv6: { ...ipv6, isOn: false } })).toBe(filterRules(network));
  const batch = configureBatch(network, { ...port, address6: "fd12:3456:789a::2" }).split("\n");
  expect(batch.slice(-3)).toEqual([
    "addr add fd12:3456:789a::2/64 dev eth0 nodad",
    "route add default via fd12:3456:789a::1 dev eth0",
    "",
  ]);
});
