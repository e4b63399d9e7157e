import { expect, test } from "vitest";
import { assignName, withoutName } from "./assignment.ts";

const none = { last: "", names: [] };
const free = () => false;
const offer = { ports: [8080], public: [80] };

test("a name keeps its address, and each of its ports what listens for it", () => {
  const first = assignName(none, "shop", offer, free);
  expect(first.names).toEqual([
    { service: "shop", address: "198.18.0.2", ways: [{ port: 8080, listen: 24001 }], public: [80] },
  ]);
  const second = assignName(first, "db", { ports: [5432], public: [] }, free);
  const moved = assignName(second, "shop", { ports: [9090, 8080], public: [] }, free);
  expect(moved.names).toEqual([
    { service: "db", address: "198.18.0.3", ways: [{ port: 5432, listen: 24002 }], public: [] },
    {
      ...{ service: "shop", address: "198.18.0.2", public: [] },
      ways: [
        { port: 8080, listen: 24001 },
        { port: 9090, listen: 24003 },
      ],
    },
  ]);
});

test("ports of other programs are left to them, and an address rests before another service has it", () => {
  const first = assignName(none, "shop", offer, (port) => port === 24001);
  expect(first.names[0]?.ways).toEqual([{ port: 8080, listen: 24002 }]);
  const again = assignName(withoutName(first, "shop"), "web", offer, free);
  expect(again.names.map(({ address }) => address)).toEqual(["198.18.0.3"]);
});

test("a port that the router has open to all, at one address alone, is left to that", () => {
  const first = assignName(none, "web", { ...offer, public: [24001] }, free);
  expect(first.names[0]?.ways).toEqual([{ port: 8080, listen: 24002 }]);
  const second = assignName(first, "shop", { ...offer, public: [24003] }, free);
  expect(second.names[0]?.ways).toEqual([{ port: 8080, listen: 24004 }]);
});

test("who may come in stays as it was said last", () => {
  const first = assignName(none, "shop", { ...offer, allow: ["web"] }, free);
  expect(assignName(first, "shop", offer, free).names[0]?.allow).toEqual(["web"]);
  expect(assignName(first, "shop", { ...offer, allow: [] }, free).names[0]?.allow).toEqual([]);
  expect(assignName(first, "shop", { ...offer, allow: ["*"] }, free).names[0]).not.toHaveProperty("allow");
});

test("without a free port there is no name, and the error says which ports that means", () => {
  expect(() => assignName(none, "shop", offer, () => true)).toThrow(/24001 to 32767/);
});

test("a name is led to by IPv6 while the router is told to listen by it", () => {
  const first = assignName(none, "shop", { ...offer, ipv6: true }, free);
  expect(first.names[0]).toMatchObject({ service: "shop", ipv6: true });
  expect(assignName(first, "shop", { ...offer, ipv6: false }, free).names[0]).not.toHaveProperty("ipv6");
});
