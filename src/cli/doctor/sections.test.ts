import { expect, test } from "vitest";
import type { ProbedTarget } from "../api.ts";
import { placeSections } from "./sections.ts";

const noRunc = { what: "runc is missing", remedy: "Install it.", severity: "fatal" } as const;
const here = { name: "Running servers", facts: [], gaps: [noRunc] };

function aTarget(name: string, overrides: Partial<ProbedTarget> = {}): ProbedTarget {
  return {
    ...{ name, platform: "fake", options: {}, added: undefined, services: [], servers: 0 },
    trouble: undefined,
    warnings: [],
    readiness: { usable: true, gaps: [], facts: [] },
    ...overrides,
  };
}

test("what this machine lacks is a remark to someone who runs servers only elsewhere", () => {
  const severity = (...targets: readonly ProbedTarget[]) =>
    placeSections(here, targets)[0]?.gaps.map((gap) => gap.severity);
  expect(severity()).toEqual(["fatal"]);
  expect(severity(aTarget("local"))).toEqual(["fatal"]);
  expect(severity(aTarget("local", { services: ["shop"] }), aTarget("north"))).toEqual(["fatal"]);
  expect(severity(aTarget("local"), aTarget("north"))).toEqual(["degraded"]);
});

test("another target has a section of its own, with its platform's gaps or its silence", () => {
  const gap = { what: "no quota", remedy: "Ask for more.", severity: "fatal" } as const;
  const trouble = { message: "It has not answered for 7 s.", hint: "Wait.", sinceMs: 1 };
  const unusable = { usable: false, gaps: [gap], facts: [] };
  const sections = placeSections(here, [
    aTarget("local"),
    aTarget("north", { readiness: unusable, trouble }),
    aTarget("south", { trouble }),
  ]);
  expect(sections.slice(1).map(({ name, gaps }) => [name, gaps])).toEqual([
    ["Target north (fake)", [gap]],
    ["Target south (fake)", [{ what: "It has not answered for 7 s.", remedy: "Wait.", severity: "fatal" }]],
  ]);
});
