import { expect, test } from "vitest";
import { label } from "./names.ts";
import { otherNetworks } from "./network-drift.ts";

const container = (networks: readonly string[], more: { server?: string; State?: string } = {}) => ({
  Id: "c",
  Labels: {
    [label.server]: more.server ?? "shop-1-2-1",
    ...{ [label.service]: "shop", [label.release]: "1" },
  },
  State: more.State ?? "running",
  NetworkSettings: { Networks: Object.fromEntries(networks.map((name) => [name, {}])) },
});
const found = (...given: Parameters<typeof container>) =>
  otherNetworks(container(...given), "own", 7).map(({ server, kind, subject }) => [server, kind, subject]);

test("a network besides its own is a difference of a server that runs", () => {
  expect(found(["own"])).toEqual([]);
  expect(found(["own", "other"])).toEqual([["shop-1-2-1", "network", "other"]]);
  expect(found(["own", "other"], { State: "paused" })).toHaveLength(1);
  expect(found(["own", "other"], { State: "exited" })).toEqual([]);
});

test("jobs and copies are not looked at, and neither is what shows no networks", () => {
  expect(found(["own", "other"], { server: "shop-1-2-1__copy" })).toEqual([]);
  expect(otherNetworks({ ...container([]), NetworkSettings: null }, "own", 7)).toEqual([]);
});
