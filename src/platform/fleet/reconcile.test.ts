import { expect, test } from "vitest";
import {
  backOffMs,
  type GroupView,
  reconcileGroup,
  type SlotServer,
  type SlotState,
  withFailure,
} from "./reconcile.ts";

/** A server written as slot, attempt and state. */
function server(slot: number, attempt: number, state: SlotState, sinceMs = 0): SlotServer {
  return { id: `shop-1-${slot}-${attempt}`, slot, attempt, state, sinceMs };
}

function view(
  size: number | undefined,
  servers: readonly SlotServer[],
  slots: GroupView["slots"] = new Map(),
) {
  return { size, servers, slots };
}

/** Slots that had one server each. */
function attempted(...slots: readonly number[]): GroupView["slots"] {
  return new Map(slots.map((slot) => [slot, { attempts: 1, failures: 0, lastFailureMs: 0 }]));
}

/** The actions in short: `+2.1` creates attempt 1 in slot 2, `-` lets leave, `x` discards a record. */
function short(group: GroupView, nowMs = 0): string {
  const words = reconcileGroup(group, nowMs).actions.map((a) => {
    if (a.kind === "create") return `+${a.slot}.${a.attempt}`;
    const sign = a.kind === "leave" ? "-" : "x";
    return sign + a.id.replace("shop-1-", "").replace("-", ".");
  });
  return words.join(" ");
}

test.each<[string, GroupView, string]>([
  ["no size was asked for", view(undefined, [server(1, 1, "ready"), server(2, 1, "failed")]), ""],
  ["an empty group is raised", view(3, []), "+1.1 +2.1 +3.1"],
  ["nothing is to do", view(2, [server(1, 1, "ready"), server(2, 1, "creating")]), ""],
  ["the lowest free slot is filled", view(3, [server(1, 1, "ready"), server(3, 1, "ready")]), "+2.1"],
  ["half-made ones are completed", view(1, [server(1, 2, "half-made")]), "+1.2"],
  ["the highest slots leave", view(1, [server(1, 1, "ready"), server(2, 1, "ready")]), "-2.1"],
  ["what serves least leaves first", view(1, [server(1, 1, "starting"), server(2, 1, "ready")]), "-1.1"],
  ["one that leaves is not counted", view(1, [server(1, 1, "leaving")]), "+1.1"],
  ["a quarantined one is not counted", view(1, [server(1, 1, "quarantined")]), "+1.1"],
  [
    "one that is being replaced is not counted, and its successor is the next attempt of its slot",
    {
      ...view(2, [server(1, 1, "ready"), server(2, 1, "ready")], attempted(1, 2)),
      replacing: ["shop-1-1-1"],
    },
    "+1.2",
  ],
  [
    "one that is being replaced is left alone once its successor is there",
    { ...view(1, [server(1, 1, "ready"), server(1, 2, "ready")]), replacing: ["shop-1-1-1"] },
    "",
  ],
  [
    "a removed group takes everything along",
    view(0, [
      server(1, 1, "ready"),
      server(2, 1, "quarantined"),
      server(3, 1, "failed"),
      server(4, 1, "failing"),
    ]),
    "-1.1 -2.1 x3.1",
  ],
  [
    "three records are kept",
    view(1, [server(1, 5, "ready"), ...[1, 2, 3, 4].map((attempt) => server(1, attempt, "failed", attempt))]),
    "x1.1",
  ],
])("%s", (_name, group, expected) => {
  expect(short(group)).toBe(expected);
});

test("the next attempt follows the highest one there ever was", () => {
  const slots = new Map([[1, { attempts: 7, failures: 0, lastFailureMs: 0 }]]);
  expect(short(view(1, [], slots))).toBe("+1.8");
});

test("an empty slot whose record is old keeps it, so that a new controller knows the attempt", () => {
  const records = [2, 3, 4, 5].map((slot) => server(slot, 1, "failed", slot));
  const slots = new Map([5, 4, 3, 2].map((slot) => [slot, { attempts: 1, failures: 9, lastFailureMs: 0 }]));
  const all = view(5, [server(1, 1, "ready"), ...records], slots);
  expect(short(all)).toBe("");
});

test("a slot that fails again waits, and the group says until when", () => {
  const slots = new Map([[1, { attempts: 3, failures: 3, lastFailureMs: 10_000 }]]);
  const group = view(2, [server(2, 1, "ready")], slots);
  expect(reconcileGroup(group, 11_000)).toEqual({ actions: [], wakeAtMs: 12_000 });
  expect(short(group, 12_000)).toBe("+1.4");
});

test("back-off: at once, then 1 s, 2 s, 4 s, up to a minute", () => {
  expect([0, 1, 2, 3, 4, 8, 9, 1000].map(backOffMs)).toEqual([
    0, 0, 1000, 2000, 4000, 60_000, 60_000, 60_000,
  ]);
});

test("a server that was ready for more than a minute starts a new row of failures", () => {
  const history = { attempts: 4, failures: 4, lastFailureMs: 1 };
  expect(withFailure(history, 5, 100)).toEqual({ attempts: 5, failures: 5, lastFailureMs: 100 });
  expect(withFailure(history, 5, 100, 60_000)).toEqual({ attempts: 5, failures: 1, lastFailureMs: 100 });
});
