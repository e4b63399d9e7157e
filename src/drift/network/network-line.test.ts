import { expect, test } from "vitest";
import { strangeRules, strangeTables } from "./network-inside.ts";
import { differenceOf, parseNetworkLine } from "./network-line.ts";

const asked = { links: ["lo", "eth0"], address: "10.192.0.2", prefixBits: 22, gateway: "10.192.0.1" };

/** What is reported because of this line, in short. */
function told(line: string): string | undefined {
  const parsed = parseNetworkLine(line);
  return parsed && differenceOf(parsed, asked)?.subject;
}

test("rules and settings are reported by the line alone", () => {
  expect(told("[nsid 7][RULE]32765:\tfrom 192.0.2.1 lookup 77")).toBe("rule 32765: from 192.0.2.1 lookup 77");
  expect(told("[nsid 7][RULE]Deleted 32766:\tfrom all lookup main")).toBe("rule 32766: from all lookup main");
  expect(told("[nsid 7][NETCONF]inet6 all forwarding on ")).toBe("sysctl inet6 all forwarding on");
  expect(told("[nsid 7][NETCONF]inet docker0 rp_filter loose ")).toBe(
    "sysctl inet of a link rp_filter loose",
  );
});

test("routes are reported by the line, except for the kernel's and the one that Kiln makes", () => {
  expect(told("[nsid 7][ROUTE]1.2.3.0/24 via 10.192.0.1 dev docker0 ")).toBe(
    "route 1.2.3.0/24 via 10.192.0.1",
  );
  expect(told("[nsid 7][ROUTE]default via 10.192.0.1 dev docker0 ")).toBeUndefined();
  expect(told("[nsid 7][ROUTE]default via 10.192.0.1 dev docker0 linkdown ")).toBeUndefined();
  expect(told("[nsid 7][ROUTE]default via 10.192.0.1 dev docker0 mtu 1000 ")).toMatch("mtu 1000");
  expect(
    told("[nsid 7][ROUTE]10.192.0.0/22 dev docker0 proto kernel scope link src 10.192.0.2 "),
  ).toBeUndefined();
});

test("what is gone does not count as a difference, nor what happens in the machine's own namespace", () => {
  expect(told("[nsid 7][ROUTE]Deleted 1.2.3.0/24 via 10.192.0.1 dev eth0 ")).toBeUndefined();
  expect(told("[nsid 7][NETCONF]Deleted inet eth0 ")).toBeUndefined();
  expect(parseNetworkLine("[nsid current][RULE]32765:\tfrom 192.0.2.1 lookup 77")).toBeUndefined();
  expect(
    parseNetworkLine("[nsid 7][NEIGH]10.192.0.1 dev eth0 lladdr 02:00:00:00:00:09 PERMANENT"),
  ).toBeUndefined();
});

test("what is read within a namespace is compared with what each begins with", () => {
  const rules = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n";
  expect(strangeRules(rules)).toEqual([]);
  expect(strangeRules(`${rules}100:\tfrom all blackhole\n`)).toMatchObject([
    { subject: "rule 100: from all blackhole" },
  ]);
  expect(strangeTables("")).toEqual([]);
  expect(strangeTables("table ip nat\n")).toMatchObject([{ kind: "network", subject: "table ip nat" }]);
  const made = ["table bridge kiln"];
  expect(strangeTables("table bridge kiln\n", made)).toEqual([]);
  expect(strangeTables("table ip nat\n", made)).toMatchObject([
    { subject: "table ip nat", detail: expect.stringContaining("that Kiln did not make") },
    { subject: "table bridge kiln", detail: expect.stringContaining("has lost its packet filter") },
  ]);
});
