import { expect, test } from "vitest";
import { nameRules } from "./rules.ts";

const network = { tag: "0123abcd", subnet: { base: 0x0ac0_0400, bits: 22 }, mtu: 1400 };
const shop = { service: "shop", address: "198.18.0.2", ways: [{ port: 8080, listen: 24001 }], public: [80] };
const db = { service: "db", address: "198.18.0.3", ways: [{ port: 5432, listen: 24002 }], public: [] };
const staged = {
  ...{ service: "shop.staging", address: "198.18.0.4", ways: [{ port: 8080, listen: 24003 }] },
  public: [80, 8081],
};
const web = { service: "web", address: "10.192.4.2" };
const probe = { service: "probe.staging", address: "10.192.4.3" };

test("names lead those to a service who may reach it, by one rule for each audience", () => {
  expect(nameRules(network, [shop, db, staged], [web, probe])).toBe(`add table inet kiln-0123abcd-names
delete table inet kiln-0123abcd-names
table inet kiln-0123abcd-names {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "kiln-0123abcd" ip daddr 198.18.0.1 meta l4proto { tcp, udp } th dport 53 dnat ip to 10.192.4.1:24000
    iifname "kiln-0123abcd" ip saddr { 10.192.4.2 } dnat ip to ip daddr . tcp dport map { 198.18.0.2 . 8080 : 10.192.4.1 . 24001, 198.18.0.3 . 5432 : 10.192.4.1 . 24002 }
    iifname "kiln-0123abcd" ip saddr { 10.192.4.3 } dnat ip to ip daddr . tcp dport map { 198.18.0.4 . 8080 : 10.192.4.1 . 24003 }
  }
  chain metadata {
    type filter hook prerouting priority raw; policy accept;
    iifname "kiln-0123abcd" meta l4proto { tcp, udp } th dport 53 accept
    iifname "kiln-0123abcd" ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200, 192.0.0.192 } meta l4proto tcp reject with tcp reset
    iifname "kiln-0123abcd" ip daddr { 169.254.0.0/16, 168.63.129.16, 100.100.100.200, 192.0.0.192 } reject
    iifname "kiln-0123abcd" ip6 daddr { fd00:ec2::254, fd20:ce::254 } meta l4proto tcp reject with tcp reset
    iifname "kiln-0123abcd" ip6 daddr { fd00:ec2::254, fd20:ce::254 } reject
  }
  chain datagrams {
    type filter hook prerouting priority raw; policy accept;
    iifname "kiln-0123abcd" ip daddr 198.18.0.0/16 ip daddr != 198.18.0.1 meta l4proto udp reject
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ip daddr 10.192.4.1 th dport { 24000, 24001, 24002, 24003 } iifname != "lo" ct status and dnat != dnat drop
    iifname "kiln-0123abcd" tcp dport { 80 } reject with tcp reset
    iifname "kiln-0123abcd" tcp dport { 8081 } ip saddr != { 10.192.4.3 } reject with tcp reset
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "kiln-0123abcd" ip daddr 198.18.0.0/16 meta l4proto tcp reject with tcp reset
    iifname "kiln-0123abcd" ip daddr 198.18.0.0/16 reject
  }
}
`);
});

test("a service that states who may reach it is led to by those alone", () => {
  const rules = nameRules(network, [{ ...db, allow: ["probe.staging"] }], [web, probe]);
  expect(rules).toContain("ip saddr { 10.192.4.3 } dnat");
  expect(rules).not.toContain(web.address);
});

test("a cloud's metadata is open to servers that ask for it alone", () => {
  const reader = { ...probe, address6: "fd12:3456:789a::3", metadata: true };
  const rules = nameRules(network, [], [web, reader]);
  expect(rules).toMatch(/ip daddr \{ 169\.254\.0\.0\/16,.* \} ip saddr != \{ 10\.192\.4\.3 \} reject\n/);
  expect(rules).toMatch(/ip6 daddr \{.* \} ip6 saddr != \{ fd12:3456:789a::3 \} reject\n/);
});

test("no one is led anywhere without servers, and the resolver is there", () => {
  const rules = nameRules(network, [shop], []);
  expect(rules).toContain("198.18.0.1");
  expect(rules).not.toContain("198.18.0.2");
});

test("a thousand services and servers are put into rules in a moment", () => {
  const names = Array.from({ length: 1000 }, (_, i) => ({ ...shop, service: `s${i}.e${i % 3}` }));
  const callers = Array.from({ length: 1000 }, (_, i) => ({
    service: `s${i}.e${i % 3}`,
    address: `10.192.4.${i}`,
  }));
  expect(nameRules(network, names, callers).match(/dnat ip to ip daddr/g)).toHaveLength(3);
});

test("by IPv6 the same audiences are led, each server sends from its own address, and what leads nowhere is refused", () => {
  const ipv6 = { prefix: "fd12:3456:789a", isOn: true };
  const six = <T>(name: T) => ({ ...name, ipv6: true as const });
  const own = { ...web, address6: "fd12:3456:789a::2" };
  const rules = nameRules({ ...network, ipv6 }, [six(shop), six(db), staged], [own, probe]);
  const [from, at] = ['iifname "kiln-0123abcd"', "fd12:3456:789a::1"];
  for (const line of [
    `    ${from} ip6 saddr { ${own.address6} } dnat ip6 to ip6 daddr . tcp dport map { fd12:3456:789a:1::2 . 8080 : ${at} . 24001, fd12:3456:789a:1::3 . 5432 : ${at} . 24002 }`,
    `    ${from} ip6 daddr fd12:3456:789a:1::/64 meta l4proto { tcp, udp } dnat ip6 to [${at}]:24000`,
    `    ${from} meta nfproto ipv6 ether saddr . ip6 saddr != { 02:6b:0a:c0:04:02 . ${own.address6} } drop`,
    `    ip6 daddr ${at} th dport { 24000, 24001, 24002, 24003 } iifname != "lo" ct status and dnat != dnat drop`,
  ])
    expect(rules.split("\n")).toContain(line);
  // Of the third one the router does not listen by IPv6.
  expect(
    nameRules({ ...network, ipv6 }, [staged], [{ ...probe, address6: "fd12:3456:789a::3" }]),
  ).not.toContain("dnat ip6 to ip6 daddr");
  // Servers made without IPv6 are led nowhere by it, and nothing of theirs passes.
  expect(nameRules({ ...network, ipv6 }, [six(shop)], [web])).toContain(
    `    ${from} meta nfproto ipv6 drop\n`,
  );
});

test("datagrams to a name, and to a port of the machine, are let in from its audience alone", () => {
  const dns = { ...shop, service: "dns", ways: [], public: [], datagrams: { ports: [5353], public: [53] } };
  const rules = nameRules(network, [dns], [web, probe]);
  const from = 'iifname "kiln-0123abcd"';
  const chain = rules.slice(rules.indexOf("chain datagrams"), rules.indexOf("chain input"));
  expect(chain.split("\n").slice(2, 5)).toEqual([
    `    ${from} ip saddr { 10.192.4.2 } ip daddr . udp dport { 198.18.0.2 . 5353 } accept`,
    `    ${from} ip daddr 198.18.0.0/16 ip daddr != 198.18.0.1 meta l4proto udp reject`,
    `    ${from} fib daddr type local udp dport { 53 } ip saddr != { 10.192.4.2 } reject`,
  ]);
});
