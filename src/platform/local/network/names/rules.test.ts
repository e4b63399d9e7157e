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
