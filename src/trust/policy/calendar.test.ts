import { expect, test } from "vitest";
import type { PolicyRule } from "../../domain/policy/policy.ts";
import { calendarOf } from "./calendar.ts";

const at = (iso: string) => Date.parse(iso);
const weekly = (from: string, to: string, zone: string, days: readonly number[]) => ({
  days,
  from,
  to,
  zone,
});
const file = (...rules: readonly PolicyRule[]) => ({
  ...{ name: "policy.yaml", text: "", rules, setAtMs: 1, setBy: "ada" },
});
const monday = at("2026-11-30T12:00Z");

/** `MM-DD HH:MM shut-by` of each stretch. */
function told(calendar: ReturnType<typeof calendarOf>): readonly string[] {
  return calendar.map(
    ({ fromMs, shut }) =>
      `${new Date(fromMs).toISOString().slice(5, 16).replace("T", " ")} ${shut.map(({ place }) => place).join("+")}`,
  );
}

test("without rules, the two weeks are open", () => {
  expect(calendarOf("shop", { file: undefined, freezes: [] }, monday)).toEqual([
    { fromMs: monday, untilMs: at("2026-12-14T12:00Z"), shut: [] },
  ]);
});

test("a window opens and shuts by the clock of its zone, and a freeze lies over it", () => {
  const window = weekly("09:00", "16:00", "Europe/Berlin", [1, 4]);
  const rule = { kind: "allow", window, environment: "production", line: 4 } as const;
  const freeze = {
    ...{ id: 3, environment: "production", service: undefined, reason: "incident", by: "ada" },
    ...{ fromMs: monday, untilMs: at("2026-12-03T09:30Z") },
  };
  const calendar = calendarOf("shop.production", { file: file(rule), freezes: [freeze] }, monday);
  expect(told(calendar)).toEqual([
    "11-30 12:00 freeze 3",
    "11-30 15:00 freeze 3+policy.yaml:4",
    "12-03 08:00 freeze 3",
    "12-03 09:30 ",
    "12-03 15:00 policy.yaml:4",
    "12-07 08:00 ",
    "12-07 15:00 policy.yaml:4",
    "12-10 08:00 ",
    "12-10 15:00 policy.yaml:4",
    "12-14 08:00 ",
  ]);
  expect(calendar[1]?.shut[1]?.because).toContain("Europe/Berlin");
  expect(calendar.every(({ untilMs }, n) => untilMs === (calendar[n + 1]?.fromMs ?? untilMs))).toBe(true);
  expect(told(calendarOf("shop.staging", { file: file(rule), freezes: [freeze] }, monday))).toHaveLength(1);
});

test("where clocks are set, a window is as long as its clock says", () => {
  const window = weekly("00:00", "04:00", "Europe/Berlin", [0]);
  const rule = { kind: "deny", window, environment: "*", line: 2 } as const;
  const spring = calendarOf("shop", { file: file(rule), freezes: [] }, at("2027-03-27T12:00Z"));
  const [, shut] = spring;
  expect(((shut?.untilMs ?? 0) - (shut?.fromMs ?? 0)) / 3_600_000).toBe(3);
});
