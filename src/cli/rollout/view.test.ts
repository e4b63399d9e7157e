import { expect, test } from "vitest";
import { aRollout } from "../../domain/testing.ts";
import { createStyle } from "../output/style.ts";
import { aServer, aStatus } from "../test-kit.ts";
import { changeLines, journey, liveLines } from "./view.ts";

const style = createStyle(false);
const before = [1, 2, 3].map((slot) => aServer({ id: `shop-1-${slot}-1`, release: 1 }));

test("a terminal shows both groups and who is not ready yet", () => {
  const servers = [
    ...before,
    aServer({ id: "shop-2-1-1" }),
    aServer({
      id: "shop-2-2-1",
      state: "starting",
      inTraffic: false,
      health: "connection \u001b[31mrefused",
    }),
  ];
  expect(liveLines({ rollout: aRollout(), status: aStatus({ servers }) }, 3_200, style)).toEqual([
    "shop  release 1 -> 2  3.2 s",
    "  release 2  ●○   1 ready, 1 starting",
    "  release 1  ●●●  3 ready",
    "    shop-2-2-1  starting  connection refused",
  ]);
});

test("before its first server there is a line for the new release too", () => {
  const look = { rollout: aRollout({ from: undefined, to: 1 }), status: aStatus({ servers: [] }) };
  expect(liveLines(look, 0, style)).toEqual(["shop  release 1  0.00 s", "  release 1    no servers yet"]);
});

test("plain lines tell of each new number of ready servers, once", () => {
  const look = (ready: number) => ({
    rollout: aRollout(),
    status: aStatus({
      servers: [...before, ...[1, 2, 3].slice(0, ready).map((slot) => aServer({ id: `shop-2-${slot}-1` }))],
    }),
  });
  expect(changeLines(undefined, look(0))).toEqual([]);
  expect(changeLines(look(0), look(1))).toEqual(["Release 2: 1 of 3 ready."]);
  expect(changeLines(look(1), look(1))).toEqual([]);
  expect(changeLines(look(1), look(3))).toEqual(["Release 2: 3 of 3 ready."]);
});

test("on the way back the old release is the one to watch", () => {
  const rollout = aRollout({ phase: "back" });
  expect(journey(rollout)).toBe("release 1 -> 2, turning back");
  expect(changeLines(undefined, { rollout, status: aStatus({ servers: before }) })).toEqual([
    "Release 1: 3 of 3 ready.",
  ]);
});

test("a service that is gone says nothing", () => {
  expect(changeLines(undefined, { rollout: aRollout(), status: undefined })).toEqual([]);
});
