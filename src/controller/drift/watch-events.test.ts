import { expect, test } from "vitest";
import type { NewEvent } from "../../domain/event.ts";
import { silentLog } from "../../lib/log.ts";
import { fakeDriftWatch } from "./fake-drift-watch.ts";
import { recordWatch } from "./watch-events.ts";

test("what the watch tells of the machine is recorded, until it ends", () => {
  const events: Pick<NewEvent, "kind" | "data">[] = [];
  const drift = fakeDriftWatch();
  const appendEvent = ({ kind, data }: NewEvent) => void events.push({ kind, data });
  const recording = recordWatch(drift, { appendEvent }, silentLog);
  drift.seeBy("scan", "the kernel's events stopped");
  drift.restore("/erofs/a.erofs");
  drift.miss({ reason: "the controller stood still", missed: "whatever left nothing", ms: 4200 });
  recording[Symbol.dispose]();
  drift.restore("/erofs/b.erofs");
  expect(events).toEqual([
    { kind: "drift.tier", data: { tier: "scan", reason: "the kernel's events stopped" } },
    { kind: "image.unprotected", data: { file: "/erofs/a.erofs" } },
    {
      kind: "drift.gap",
      data: { reason: "the controller stood still", missed: "whatever left nothing", ms: 4200 },
    },
  ]);
});

test("an event that cannot be recorded ends nothing", () => {
  const drift = fakeDriftWatch();
  const appendEvent = () => {
    throw new Error("the disk is full");
  };
  using _recording = recordWatch(drift, { appendEvent }, silentLog);
  expect(() => drift.restore("/erofs/a.erofs")).not.toThrow();
});
