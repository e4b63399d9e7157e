import { describe, expect, test } from "vitest";
import type { Answer } from "../api/contract/types.ts";
import { aServer } from "../controller/services/testing.ts";
import { actionWords, ago, duration, percent, serverNumbers, serversWords, shortDigest } from "./words.ts";

test("times in their largest unit", () => {
  expect([900, 1_000, 61_000, 7_200_000, 200_000_000].map(duration)).toEqual([
    ...["900 ms", "1 s", "1 min", "2 h", "2 d"],
  ]);
  expect([ago(0, 4_000), ago(0, 90_000), ago(90_000, 0)]).toEqual(["just now", "1 min ago", "in 1 min"]);
});

test("a small share is not nothing", () => {
  expect([0, 0.004, 0.2, 1].map(percent)).toEqual(["0 %", "0.4 %", "20 %", "100 %"]);
  expect(shortDigest(`sha256:${"ab".repeat(32)}`)).toBe("abababababab");
});

describe("servers", () => {
  const servers = [
    ...[aServer(), aServer({ id: "shop-2-2-1", state: "starting" })],
    aServer({ id: "shop-1-1-1", release: 1, inTraffic: false }),
  ];
  test("those that are kept warm do not count as ready", () => {
    const numbers = serverNumbers({ servers, warm: [{ release: 1, untilMs: 9 }] });
    expect(serversWords(numbers, 3)).toBe("1 of 3 ready, 1 starting, 1 warm");
    expect(serversWords(numbers, 1)).toBe("1 ready, 1 starting, 1 warm");
  });
  test("none at all", () => expect(serversWords([], 2)).toBe("0 of 2 ready"));
});

describe("an action of a plan", () => {
  const words = (action: object) =>
    actionWords({ service: "shop", reason: "it must", ...action } as Answer<"plan">["actions"][number]);
  test.each([
    [{ kind: "resize", release: 2, size: 1 }, "Bring release 2 to 1 server"],
    [{ kind: "resize", release: 1, size: 0 }, "Destroy the servers of release 1"],
    [{ kind: "route", shares: [{ release: 2, share: 1 }] }, "Send all traffic to release 2"],
    [{ kind: "route", shares: [] }, "Send traffic nowhere"],
    [
      { kind: "route", shares: [...[{ release: 1, share: 0.8 }], { release: 2, share: 0.2 }] },
      "Send 80 % of traffic to release 1, 20 % of traffic to release 2",
    ],
    [{ kind: "record", change: { kind: "end", phase: "complete" } }, "End the rollout: complete"],
    [{ kind: "record", change: { kind: "progress" } }, undefined],
  ])("%o", (action, expected) => expect(words(action)).toBe(expected));
});
