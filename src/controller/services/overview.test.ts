import { describe, expect, test } from "vitest";
import { aRelease, aRollout, aTaint } from "../../domain/testing.ts";
import type { ServiceStatus } from "../operations.ts";
import { attentions, overviewOf } from "./overview.ts";
import { aServer, aStatus } from "./testing.ts";

const nowMs = 100 * 3_600_000;

/** A service whose three servers are ready. */
const calm = (service: string, overrides: Partial<ServiceStatus> = {}) =>
  aStatus({ service, serving: aRelease(1), ...overrides });

const only = (status: ServiceStatus, last?: ReturnType<typeof aRollout>) =>
  overviewOf([{ status, last }], {}, nowMs).services[0];

describe("what needs attention", () => {
  const { server: _, ...mark } = aTaint(1);
  const taint = { ...mark, replacedBy: undefined };
  const trouble = { message: "It is down.", hint: undefined, sinceMs: 4 };
  const cases = {
    steady: calm("shop"),
    broken: calm("shop", { servers: [aServer({ state: "starting", inTraffic: false })] }),
    drifted: calm("shop", { servers: [aServer(), aServer({ id: "shop-2-2-1", taint })] }),
    stuck: calm("shop", { trouble }),
    waiting: calm("shop", { rollout: aRollout({ phase: "paused", reason: "Too little traffic." }) }),
    moving: calm("shop", { rollout: aRollout() }),
    warned: calm("shop", { warnings: [{ message: "A job fails.", hint: undefined }] }),
  };
  for (const [attention, status] of Object.entries(cases)) {
    test(`${attention}`, () => expect(only(status)).toMatchObject({ attention }));
  }

  test("a rollout that rolled back, for a day", () => {
    const last = aRollout({ phase: "rolled-back", endedAtMs: nowMs - 3_600_000, reason: "It exited." });
    expect(only(calm("shop"), last)).toMatchObject({
      attention: "failed",
      why: "Rollout 1 rolled back: It exited.",
    });
    const old = { ...last, endedAtMs: nowMs - 25 * 3_600_000 };
    expect(only(calm("shop"), old)).toMatchObject({ attention: "steady" });
  });

  test("a target that cannot be seen says nothing about the servers on it", () => {
    const target = { name: "north", platform: "fake", trouble };
    expect(only(calm("shop", { target, servers: [] }))).toMatchObject({ attention: "stuck" });
  });
});

test("who brought what serves is who started its last rollout, not who made its release", () => {
  const last = aRollout({ to: 1, phase: "complete", startedBy: "grace", endedAtMs: 7 });
  const serving = aRelease(1, { createdBy: "ada", createdAtMs: 1 });
  expect(only(calm("shop", { serving }), last)?.serving).toMatchObject({ by: "grace", sinceMs: 7 });
  expect(only(calm("shop", { serving }))?.serving).toMatchObject({ by: "ada", sinceMs: 1 });
});

test("servers that are only kept for a rollback do not count as ready", () => {
  const servers = [aServer(), aServer({ id: "shop-1-1-1", release: 1, inTraffic: false })];
  expect(only(calm("shop", { servers, warm: [{ release: 1, untilMs: 9 }] }))?.servers).toEqual([
    { state: "ready", number: 1 },
    { state: "warm", number: 1 },
  ]);
});

describe("pages", () => {
  const names = Array.from({ length: 25 }, (_, n) => `shop-${String(n).padStart(2, "0")}`);
  const services = names.map((name, n) => ({
    status: n % 10 === 3 ? calm(name, { rollout: aRollout() }) : calm(name),
    last: undefined,
  }));

  test("all services once, those that need attention first", () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = overviewOf(services, { limit: 7, cursor }, nowMs);
      expect(page.total).toBe(25);
      seen.push(...page.services.map(({ service }) => service));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(seen.slice(0, 3)).toEqual(["shop-03", "shop-13", "shop-23"]);
    expect(seen.toSorted()).toEqual(names);
  });

  test("a page continues after a service that is gone", () => {
    const { next: cursor } = overviewOf(services, { limit: 7 }, nowMs);
    const left = services.filter(({ status }) => status.service !== "shop-04");
    expect(overviewOf(left, { limit: 1, cursor }, nowMs).services[0]?.service).toBe("shop-05");
  });

  test("by a part of the name", () => {
    const page = overviewOf(services, { q: "-1" }, nowMs);
    expect([page.total, page.counts.moving, page.counts.steady]).toEqual([10, 1, 9]);
  });

  test("no other cursor", () => {
    expect(() => overviewOf(services, { cursor: "9.shop" }, nowMs)).toThrow("9.shop is not a cursor.");
  });
});

test("a page of 200 services is small", () => {
  const services = Array.from({ length: 200 }, (_, n) => ({ status: calm(`service-${n}`), last: undefined }));
  const bytes = JSON.stringify(overviewOf(services, {}, nowMs)).length;
  expect(bytes / 200).toBeLessThan(250);
  expect(attentions).toHaveLength(8);
});
