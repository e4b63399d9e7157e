import { expect, test } from "vitest";
import { aServer, aStatus } from "../../controller/services/testing.ts";
import { aRollout } from "../../domain/testing.ts";
import { createStyle } from "../output/style.ts";
import { journey, liveLines, waitingLines } from "./view.ts";

const style = createStyle(false);
const before = [1, 2, 3].map((slot) => aServer({ id: `shop-1-${slot}-1`, release: 1 }));

test("a terminal shows both groups and the servers that are not ready yet", () => {
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

test("without a terminal, a waiting server is reported every ten seconds", () => {
  const server = aServer({
    id: "shop-2-1-1",
    state: "starting",
    sinceMs: 1_000,
    health: "connection refused",
  });
  const status = aStatus({ servers: [...before, server] });
  const said = new Map<string, number>();
  const at = (nowMs: number) => waitingLines({ rollout: aRollout(), status }, nowMs, said);
  expect(at(10_999)).toEqual([]);
  expect(at(11_000)).toEqual(["Waiting for shop-2-1-1, starting for 10.0 s: connection refused"]);
  expect(at(20_999)).toEqual([]);
  expect(at(21_000)).toHaveLength(1);
});

test("before its first server there is a line for the new release too", () => {
  const look = { rollout: aRollout({ from: undefined, to: 1 }), status: aStatus({ servers: [] }) };
  expect(liveLines(look, 0, style)).toEqual(["shop  release 1  0.00 s", "  release 1    no servers yet"]);
});

test("a rollout that is rolling back says so", () => {
  expect(journey(aRollout({ phase: "back" }))).toBe("release 1 -> 2, rolling back");
});
