import { expect, test } from "vitest";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import { aRelease, aService } from "../../domain/testing.ts";
import { reachOf } from "./reach.ts";

function serving(service: string, release: Partial<Release> = {}, target = "local"): DesiredService {
  const releases = new Map([[1, aRelease(1, { service, ...release })]]);
  return aService({ service, target, releases, serving: 1 });
}

test("who may reach a service, and whom it may reach, follows from the releases that serve", () => {
  const portless = { shape: { ...aRelease(1).shape, port: undefined } };
  const all = [
    serving("shop", { network: { allow: ["web", "api.staging"] } }),
    serving("web"),
    serving("worker", portless),
    serving("api.staging"),
    serving("far", {}, "north"),
  ];
  expect(reachOf("shop", all)).toEqual({
    allow: ["web", "api.staging"],
    callers: ["api.staging", "web"],
    callees: ["web"],
  });
  expect(reachOf("worker", all)).toEqual({ allow: ["*"], callers: [], callees: ["web"] });
  expect(reachOf("api.staging", all)).toMatchObject({ callers: [], callees: ["shop"] });
  expect(reachOf("gone", all)).toBeUndefined();
});
