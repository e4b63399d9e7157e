import { expect, test } from "vitest";
import { release } from "../../fake/testing.ts";
import { frontendsOf, isSameRoute, type RoutableServer, routedService, sharesOf } from "./routing.ts";

function servers(number: number, count: number, takes = true): readonly RoutableServer[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `shop-${number}-${i + 1}-1`,
    release: release(number),
    address: `10.0.${number}.${i + 1}`,
    takes,
  }));
}

function weights(shares: Readonly<Record<number, number>>, of: readonly RoutableServer[]): readonly number[] {
  const list = Object.entries(shares).map(([number, share]) => ({ release: Number(number), share }));
  const spec = { shares: list, frontends: [], health: release(1).health };
  return routedService("shop", spec, of).upstreams.map((t) => t.weight);
}

test.each<[string, Readonly<Record<number, number>>, readonly RoutableServer[], readonly number[]]>([
  ["one release has all", { 1: 1 }, servers(1, 2), [256, 256]],
  ["one in ten to one server", { 1: 0.9, 2: 0.1 }, [...servers(1, 3), ...servers(2, 1)], [256, 256, 256, 85]],
  ["any share is at least 1", { 1: 0.999, 2: 0.001 }, [...servers(1, 1), ...servers(2, 2)], [256, 1, 1]],
  ["a warm group waits at 0", { 2: 1 }, [...servers(1, 1), ...servers(2, 1)], [0, 256]],
  ["one that leaves has 0", { 1: 1 }, [...servers(1, 1, false), ...servers(2, 1)], [0, 0]],
  ["no server is ready", { 1: 1 }, [], []],
])("%s", (_name, shares, of, expected) => {
  expect(weights(shares, of)).toEqual(expected);
});

test("weights read back give the shares within half a percent", () => {
  for (let percent = 1; percent < 100; percent++) {
    const spec = {
      shares: [
        { release: 1, share: 1 - percent / 100 },
        { release: 2, share: percent / 100 },
      ],
      frontends: [],
      health: release(1).health,
    };
    const routed = routedService("shop", spec, [...servers(1, 3), ...servers(2, 2)]);
    const share = sharesOf(routed).find((s) => s.release === 2)?.share ?? 0;
    expect(Math.abs(share - percent / 100)).toBeLessThan(0.005);
  }
});

test("each server is asked as its own release says, whatever the frontends of the others", () => {
  const plain = release(1);
  const traffic = { mode: "http", listen: 8080, host: undefined, protocol: "h2c", sendProxy: true } as const;
  const newer = servers(2, 1).map((server) => ({ ...server, release: release(2, { traffic }) }));
  const spec = { shares: [{ release: 1, share: 1 }], frontends: [], health: plain.health };
  const { upstreams } = routedService("shop", spec, [...servers(1, 1), ...newer]);
  expect(upstreams.map(({ protocol, sendProxy }) => [protocol, sendProxy])).toEqual([
    [undefined, undefined],
    ["h2c", true],
  ]);
});

test("frontends come from the releases that have a share, each once", () => {
  const moved = release(2, { traffic: { mode: "http", listen: 9090, host: undefined } });
  const ports = (...shares: [number, number][]) =>
    frontendsOf(
      shares.map(([number, share]) => ({ release: number, share })),
      [release(1), moved, release(3)],
    ).map((d) => d.listen);
  expect(ports([1, 0.5], [2, 0.5])).toEqual([8080, 9090]);
  expect(ports([1, 0], [2, 1])).toEqual([9090]);
  expect(ports([1, 0.5], [3, 0.5])).toEqual([8080]);
});

test("what a port is, is what the newest release with a share wants", () => {
  const tls = { certificate: "/c", key: "/k" };
  const plain = release(1, { traffic: { mode: "http", listen: 443, host: "a.example.com" } });
  const secure = release(2, { traffic: { mode: "http", listen: 443, host: "b.example.com", tls } });
  const renamed = release(3, { traffic: { mode: "http", listen: 443, host: "c.example.com", tls } });
  const hosts = (...numbers: number[]) =>
    frontendsOf(
      numbers.map((number) => ({ release: number, share: 1 / numbers.length })),
      [renamed, secure, plain],
    ).map((frontend) => frontend.host);
  expect(hosts(1)).toEqual(["a.example.com"]);
  expect(hosts(1, 2)).toEqual(["b.example.com"]);
  expect(hosts(2, 3)).toEqual(["b.example.com", "c.example.com"]);
});

test("routes are compared by frontends and upstreams, in any order", () => {
  const spec = {
    shares: [{ release: 1, share: 1 }],
    frontends: frontendsOf([], []),
    health: release(1).health,
  };
  const routed = routedService("shop", spec, servers(1, 2));
  expect(isSameRoute(routed, { ...routed, upstreams: routed.upstreams.toReversed() })).toBe(true);
  expect(isSameRoute(routed, { ...routed, upstreams: routed.upstreams.slice(1) })).toBe(false);
  const open = { mode: "http", listen: 443, host: undefined } as const;
  const secure = (key: string) => ({ ...routed, frontends: [{ ...open, tls: { certificate: "/c", key } }] });
  expect(isSameRoute({ ...routed, frontends: [open] }, secure("/k"))).toBe(false);
  expect(isSameRoute(secure("/k"), secure("/l"))).toBe(false);
  expect(isSameRoute(secure("/k"), secure("/k"))).toBe(true);
});
