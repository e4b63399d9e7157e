import fc from "fast-check";
import { expect, test } from "vitest";
import type { ServerState } from "../../observation.ts";
import { aGroup, aService, aTaint, aView } from "../../testing.ts";
import { planService } from "../plan.ts";
import { carriers, fewestCarrying } from "./drift-response.ts";

const state = fc.constantFrom<ServerState>("creating", "starting", "ready", "draining", "quarantined");
const taint = fc.record({
  taken: fc.boolean(),
  proven: fc.boolean(),
  response: fc.constantFrom("replace", "quarantine", "report"),
});

const scene = fc
  .record({
    states: fc.array(state, { minLength: 1, maxLength: 12 }),
    count: fc.integer({ min: 0, max: 12 }),
    unavailable: fc.integer({ min: 0, max: 3 }),
    most: fc.oneof(
      fc.record({ servers: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ share: fc.constantFrom(0.1, 0.5, 1) }),
    ),
    marks: fc.array(taint, { maxLength: 12 }),
  })
  .map(({ states, count, unavailable, most, marks }) => {
    const taints = marks.map(({ taken, proven, response }, i) =>
      aTaint(i + 1, {
        response,
        takenAtMs: taken && response !== "report" ? 1 : undefined,
        evidenceAtMs: taken && proven ? 2 : undefined,
      }),
    );
    const upkeep = { drift: { response: "replace" as const, maxConcurrent: most, ignore: [] } };
    const desired = aService({ serving: 1, count, unavailable, taints, upkeep });
    return { desired, view: aView(aGroup(1, states, { share: 1, size: count })) };
  });

test("whatever has drifted, as many servers keep carrying the traffic as must", () => {
  fc.assert(
    fc.property(scene, ({ desired, view }) => {
      const before = carriers(desired, view);
      const taken = new Set(
        planService(desired, view, 10).actions.flatMap((a) => (a.kind === "quarantine" ? [a.server] : [])),
      );
      const left = before.filter((s) => !taken.has(s.id)).length;
      expect(left).toBeGreaterThanOrEqual(Math.min(before.length, fewestCarrying(desired)));
    }),
  );
});

test("only servers that are tainted, or in quarantine, are touched, each once, and never one that is only reported", () => {
  fc.assert(
    fc.property(scene, ({ desired, view }) => {
      const responses = new Map(desired.taints.map((t) => [t.server, t]));
      const touched = planService(desired, view, 10).actions.flatMap((a) =>
        a.kind === "quarantine" || a.kind === "destroy" ? [a] : [],
      );
      expect(new Set(touched.map((a) => a.server)).size).toBe(touched.length);
      for (const { kind, server } of touched) {
        expect(responses.get(server)?.response).not.toBe("report");
        if (kind === "destroy" && responses.has(server))
          expect(responses.get(server)?.evidenceAtMs).toBeDefined();
      }
    }),
  );
});
