import { expect, test } from "vitest";
import type { ServiceKey } from "../../domain/ids.ts";
import type { GroupObservation, Observation } from "../../domain/observation.ts";
import { byService } from "./by-service.ts";

const names = Array.from({ length: 1_000 }, (_, n) => `shop-${n}`);

function aGroup(service: ServiceKey): GroupObservation {
  const empty = { servers: [], remains: [], failures: [], failed: 0 };
  return { service, release: 1, size: 1, share: 1, ...empty };
}

test("a thousand services take one look at each group, not a thousand", () => {
  let looks = 0;
  const counted = (group: GroupObservation) =>
    Object.defineProperty({ ...group }, "service", {
      get: () => {
        looks += 1;
        return group.service;
      },
    });
  const groups = names.map((name) => counted(aGroup(name)));
  const of = byService({ observation: { groups, routed: names } });
  const found = names.map((name) => of(name).observation);
  expect(looks).toBe(names.length);
  expect(found.every(({ groups, routed }) => groups.length === 1 && routed.length === 1)).toBe(true);
});

test("a service has what is about it, and warnings about all", () => {
  const all = { service: undefined, message: "the disk is full", hint: undefined };
  const own = { service: "shop", message: "a certificate ends", hint: undefined };
  const addresses = [
    { service: "shop", url: "http://localhost:80" },
    { service: "db", url: "localhost:5432 (tcp)" },
  ];
  const observation: Observation = {
    groups: [aGroup("shop"), aGroup("db")],
    ...{ routed: ["shop"], addresses, warnings: [own, all] },
  };
  const of = byService({ observation, trouble: undefined });
  expect(of("shop")).toEqual({
    trouble: undefined,
    observation: {
      groups: [aGroup("shop")],
      ...{ routed: ["shop"], addresses: [addresses[0]], jobs: [], reproductions: [], warnings: [all, own] },
    },
  });
  expect(of("db").observation).toMatchObject({ routed: [], warnings: [all] });
  expect(byService({ observation: undefined })("shop")).toEqual({ observation: undefined });
});
