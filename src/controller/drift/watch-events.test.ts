import { expect, test } from "vitest";
import type { NewEvent } from "../../domain/event.ts";
import { silentLog } from "../../lib/log.ts";
import { fakeDriftSource } from "./fake-drift-source.ts";
import { recordNotices } from "./watch-events.ts";

const notice = { kind: "drift.tier", message: "Kiln sees less.", data: { tier: "scan" } };

test("what a source says of itself is recorded, until that ends", () => {
  const events: NewEvent[] = [];
  const drift = fakeDriftSource();
  const recording = recordNotices(drift, { appendEvent: (event) => void events.push(event) }, silentLog);
  drift.notify(notice);
  recording[Symbol.dispose]();
  drift.notify(notice);
  expect(events).toEqual([{ service: undefined, ...notice }]);
});

test("an event that cannot be recorded ends nothing", () => {
  const drift = fakeDriftSource();
  const appendEvent = () => {
    throw new Error("the disk is full");
  };
  using _recording = recordNotices(drift, { appendEvent }, silentLog);
  expect(() => drift.notify(notice)).not.toThrow();
});
