import { expect, test } from "vitest";
import { somewhere } from "./state.ts";
import { isOutdated, uplinkMtuOf, withMtu } from "./uplink.ts";

const network = { tag: "0123abcd", subnet: { base: 0x0ac0_0400, bits: 22 }, mtu: 1500 };
const routeTo = (dev: string) => ({ type: "unicast", dst: somewhere, dev, metric: 0, table: "main" });
const link = (mtu: number) => ({ ifname: "a", flags: [], mtu, addr_info: [] });

test("the way out takes what its link and its route take; without one nothing is known", () => {
  const links = new Map([
    ["eth0", link(1500)],
    ["wg0", link(1420)],
  ]);
  expect(uplinkMtuOf({ links, uplink: routeTo("wg0") })).toBe(1420);
  expect(uplinkMtuOf({ links, uplink: { ...routeTo("eth0"), metrics: [{ mtu: 1380 }] } })).toBe(1380);
  expect(uplinkMtuOf({ links, uplink: { ...routeTo("eth0"), metrics: [{}] } })).toBe(1500);
  const learned = { ...routeTo("eth0"), metrics: [{ mtu: 552 }], expires: "596sec" };
  expect(uplinkMtuOf({ links, uplink: learned })).toBe(1500);
  expect(uplinkMtuOf({ links, uplink: undefined })).toBeUndefined();
});

test.each([
  ["a way out that takes less", 1400, [1500], { mtu: 1400 }],
  [
    "one that takes more, while servers have smaller links",
    9000,
    [1500, 9000],
    { mtu: 9000, bridgeMtu: 1500 },
  ],
  ["one that takes more, and no server", 9000, [], { mtu: 9000 }],
  ["one that takes more, and a server of an older Kiln", 9000, [undefined], { mtu: 9000, bridgeMtu: 1500 }],
  ["no way out", undefined, [1500], { mtu: 1500 }],
] as const)("%s", (_, uplink, mtus, expected) => {
  const links = mtus.map((mtu) => ({ mtu }));
  const after = withMtu(network, uplink, links);
  expect(after).toEqual({ tag: network.tag, subnet: network.subnet, ...expected });
  expect(isOutdated(after, uplink, links), "the next look changes nothing").toBe(false);
});

test("the bridge follows when the last server with a smaller link has gone", () => {
  const between = withMtu(network, 9000, [{ mtu: 1500 }]);
  expect(isOutdated(between, 9000, [{ mtu: 9000 }])).toBe(true);
  expect(withMtu(between, 9000, [{ mtu: 9000 }])).toEqual({ ...network, mtu: 9000 });
});
