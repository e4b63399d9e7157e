import type { ServiceKey } from "../../../src/domain/ids.ts";
import { environmentOf } from "../../../src/domain/policy/policy.ts";
import type { Random } from "../random.ts";

const minuteMs = 60_000;
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
type Day = (typeof days)[number];

export interface WrittenWindow {
  readonly kind: "allow" | "deny";
  /** Absent: every day. */
  readonly day?: Day | undefined;
  /** `HH:MM`; `to` before `from` is on the next day. */
  readonly from: string;
  readonly to: string;
  readonly zone: string;
}

/** A policy as its author means it. The rules of the referee go by this, not by what the product makes of the file. */
export interface WrittenPolicy {
  readonly environment: "*" | "none" | "staging";
  readonly windows: readonly WrittenWindow[];
  readonly needsReason: boolean;
  readonly approvals?: { readonly count: number; readonly minutes: number } | undefined;
}

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"] as const;

/** What a policy is mostly about. */
export const concerns = ["windows", "approvals"] as const;
export type Concern = (typeof concerns)[number];

/** One whose windows open and close within minutes of `nowMs`. */
export function aWrittenPolicy(random: Random, nowMs: number, about: Concern): WrittenPolicy {
  const asks = random.chance(0.15) ? "both" : about;
  return {
    environment: random.weighted({ "*": 4, none: 3, staging: 1 }),
    windows: Array.from({ length: asks === "approvals" ? 0 : random.int(1, 2) }, () =>
      aWindow(random, nowMs),
    ),
    needsReason: random.chance(0.25),
    approvals:
      asks === "windows" ? undefined : { count: random.pick([1, 1, 2]), minutes: random.pick([1, 1, 1, 10]) },
  };
}

/** No rollout begins any more. */
export const shutForGood: WrittenPolicy = {
  environment: "*",
  windows: [{ kind: "deny", from: "00:00", to: "24:00", zone: "UTC" }],
  needsReason: false,
};

function aWindow(random: Random, nowMs: number): WrittenWindow {
  const zone = random.pick(zones);
  const from = nowMs + random.int(-4, 3) * minuteMs;
  const { time, day } = shownIn(zone, from);
  const to = shownIn(zone, from + random.int(1, 6) * minuteMs).time;
  return {
    kind: random.weighted({ allow: 3, deny: 2 }),
    day: random.chance(0.3) ? day : undefined,
    ...{ from: time, to, zone },
  };
}

export function textOf({ environment, windows, needsReason, approvals }: WrittenPolicy): string {
  return [
    "policies:",
    `  "${environment}":`,
    ...(windows.length === 0 ? [] : ["    windows:", ...windows.map(windowText)]),
    ...(approvals ? [`    approvals: {count: ${approvals.count}, expires: ${approvals.minutes}m}`] : []),
    ...(needsReason ? ["    reason: required"] : []),
    "",
  ].join("\n");
}

function windowText({ kind, day, from, to, zone }: WrittenWindow): string {
  const on = day === undefined ? "" : `days: ${day}, `;
  return `      - ${kind}: {${on}from: "${from}", to: "${to}", zone: ${zone}}`;
}

export function isFor({ environment }: WrittenPolicy, service: ServiceKey): boolean {
  return environment === "*" || environment === environmentOf(service);
}

/** Whether windows let a rollout begin at this moment. */
export function areOpen(windows: readonly WrittenWindow[], atMs: number): boolean {
  const allowing = windows.filter(({ kind }) => kind === "allow");
  const denying = windows.filter(({ kind }) => kind === "deny");
  const isIn = (window: WrittenWindow) => isWithin(window, atMs);
  return (allowing.length === 0 || allowing.some(isIn)) && !denying.some(isIn);
}

/** The days and times of a zone, as its clocks show them; text in this form is in the order of time. */
function isWithin({ day, from, to, zone }: WrittenWindow, atMs: number): boolean {
  const shown = shownIn(zone, atMs);
  const isToday = day === undefined || day === shown.day;
  const isYesterdays = day === undefined || days.indexOf(day) === (days.indexOf(shown.day) + 6) % 7;
  if (from < to) return isToday && from <= shown.time && shown.time < to;
  return (isToday && from <= shown.time) || (isYesterdays && shown.time < to);
}

function shownIn(zone: string, atMs: number): { readonly time: string; readonly day: Day } {
  const format = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, weekday: "short", ...format });
  const shown: Record<string, string> = {};
  for (const { type, value } of parts.formatToParts(atMs)) shown[type] = value;
  return { time: `${shown.hour}:${shown.minute}`, day: shown.weekday?.toLowerCase() as Day };
}
