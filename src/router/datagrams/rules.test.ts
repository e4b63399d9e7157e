import { expect, test } from "vitest";
import type { RoutedService } from "../router.ts";
import { parseFlows } from "./flows.ts";
import { portsElsewhere } from "./ports.ts";
import { datagramRules } from "./rules.ts";

const link = { bridge: "kiln-0123abcd" };
const health = { check: { kind: "alive" }, intervalMs: 1, timeoutMs: 1, ready: 1, unready: 1, deadlineMs: 1 };

function service(weights: readonly number[], frontends: readonly object[]): RoutedService {
  const upstreams = weights.map((weight, i) => {
    return { id: `dns-1-${i + 1}-1`, address: `10.192.4.${i + 2}`, port: 5353, weight };
  });
  const open = frontends.map((frontend) => ({ mode: "udp", listen: 53, host: undefined, ...frontend }));
  return { service: "dns", upstreams, frontends: open, health } as RoutedService;
}

const rulesOf = (...args: Parameters<typeof service>) =>
  datagramRules(link, [service(...args)])
    .split("\n")
    .filter((line) => / (dnat|drop)/.test(line))
    .map((line) => line.trim());

test("new flows go to servers by weight, from outside, from the machine, and from servers by name", () => {
  const map = "numgen random mod 4 map { 0-2 : 10.192.4.2 . 5353, 3 : 10.192.4.3 . 5353 }";
  const open = `meta nfproto ipv4 fib daddr type local udp dport 53 dnat ip to ${map}`;
  expect(rulesOf([192, 64], [{}, { named: 5353, listen: 5353, address: "198.18.0.2" }])).toEqual([
    open,
    `iifname "kiln-0123abcd" meta nfproto ipv4 ip daddr 198.18.0.2 udp dport 5353 dnat ip to ${map}`,
    open,
    'iifname "kiln-0123abcd" ip daddr 127.0.0.0/8 drop',
    'iifname "kiln-0123abcd" ip saddr 127.0.0.0/8 drop',
    'oifname "kiln-0123abcd" icmp type redirect drop',
  ]);
});

test("a sticky client is placed by its address, and a way in with an address is nowhere else", () => {
  expect(rulesOf([1, 1], [{ sticky: true, address: "192.0.2.1" }])[0]).toBe(
    "meta nfproto ipv4 ip daddr 192.0.2.1 udp dport 53 dnat ip to jhash ip saddr mod 2 seed 0x6b696c6e map { 0 : 10.192.4.2 . 5353, 1 : 10.192.4.3 . 5353 }",
  );
});

test("a server that leaves starts no flow by a late answer, and without a server there is no way in", () => {
  const leaving = 'iifname "kiln-0123abcd" ct state new ip saddr . udp sport { 10.192.4.3 . 5353 } drop';
  const rules = rulesOf([256, 0], [{}]);
  expect(rules[0]).toBe("meta nfproto ipv4 fib daddr type local udp dport 53 dnat ip to 10.192.4.2:5353");
  expect(rules).toContain(leaving);
  expect(rulesOf([0], [{}]).some((rule) => rule.includes("dnat"))).toBe(false);
  expect(rulesOf([256], [{ closed: true }]).some((rule) => rule.includes("dnat"))).toBe(false);
});

test("flows are read from what conntrack prints", () => {
  const text = [
    "udp      17 29 src=192.0.2.7 dst=192.0.2.1 sport=40000 dport=53 src=10.192.4.2 dst=192.0.2.7 sport=5353 dport=40000 mark=0 use=1",
    "udp      17 100 src=192.0.2.8 dst=192.0.2.1 sport=40001 dport=53 src=10.192.4.3 dst=192.0.2.8 sport=5353 dport=40001 [ASSURED] mark=0 use=1",
    "udp      17 12 src=192.0.2.9 dst=192.0.2.1 sport=514 dport=53 [UNREPLIED] src=10.192.4.3 dst=192.0.2.9 sport=5353 dport=514 mark=0 use=1",
  ].join("\n");
  const flows = parseFlows(text, { first: 30, stream: 120 });
  expect(flows.map(({ source, server, silentSeconds }) => [source, server, silentSeconds])).toEqual([
    ["192.0.2.7", "10.192.4.2", 1],
    ["192.0.2.8", "10.192.4.3", 20],
    ["192.0.2.9", "10.192.4.3", 18],
  ]);
});

test("ports that another installation leads are taken, our own are not", () => {
  const rules = (bridge: string, port: number) =>
    datagramRules({ bridge }, [service([1], [{ listen: port }])])
      .split("\n")
      .slice(2)
      .join("\n");
  const ruleset = rules("kiln-0123abcd", 53) + rules("kiln-89abcdef", 54);
  expect(portsElsewhere(ruleset, "kiln-0123abcd-udp")).toEqual([54, 54]);
});
