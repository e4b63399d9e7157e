import { expect, test } from "vitest";
import { gapNotice, protectionNotice, tierNotice } from "./notices.ts";

test("what a source says of itself is an event with a sentence for people and data for programs", () => {
  expect(tierNotice("scan", "the kernel's events stopped")).toEqual({
    kind: "drift.tier",
    message: "Kiln sees drift by the scan alone, within seconds: the kernel's events stopped.",
    data: { tier: "scan", reason: "the kernel's events stopped" },
  });
  expect(protectionNotice("/erofs/a.erofs")).toMatchObject({
    ...{ kind: "image.unprotected", data: { file: "/erofs/a.erofs" } },
  });
  const gap = { reason: "the controller stood still", missed: "whatever left nothing", ms: 4200.4 };
  expect(gapNotice(gap)).toMatchObject({
    ...{ kind: "drift.gap", message: expect.stringContaining("up to 5 s"), data: { ...gap, ms: 4200 } },
  });
});
