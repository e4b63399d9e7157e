import { expect, test } from "vitest";
import { figure, withPeerTargets } from "./figure.ts";
import { renderTable } from "./table.ts";

test("Kiln's figures with target, ratio and verdict; others next to them", () => {
  const text = renderTable([
    figure("build", "ms", 300, [150, 140, 160]),
    figure("start", "ms", 100, [2000]),
    figure("requests", "lost", 0, [0, 0], "1200 served"),
    { ...figure("build", "ms", undefined, [450]), by: "other 1.0" },
  ]);
  expect(text.split("\n")).toEqual([
    "work      figure     min     max  runs  target  ratio",
    "build     150 ms  140 ms  160 ms     3  300 ms   0.50  ok",
    "start     2.00 s  2.00 s  2.00 s     1  100 ms  20.00  MISSED",
    "requests  0 lost  0 lost  0 lost     2  0 lost         ok      1200 served",
    "",
    "the same by  work   figure     min     max  runs  against Kiln",
    "other 1.0    build  450 ms  450 ms  450 ms     1         3.0 x",
  ]);
});

test("a target that follows from a peer needs the peer in the same run", () => {
  const own = { ...figure("start", "ms", 60, [80]), against: { peer: "plain runc", times: 1.5 } };
  const peer = { ...figure("start", "ms", undefined, [70, 72, 90]), by: "plain runc 1.1.5" };
  const other = { ...figure("build", "ms", undefined, [1]), by: "plain runc 1.1.5" };
  expect(withPeerTargets([own, other, peer])).toEqual([{ ...own, target: 108 }, other, peer]);
  expect(withPeerTargets([own, other])).toEqual([own, other]);
});
