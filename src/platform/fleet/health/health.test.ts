import { expect, test } from "vitest";
import { release } from "../../fake/testing.ts";
import { type Health, judge, newHealth, nextProbeMs } from "./health.ts";

const spec = { ...release(1).health, ready: 2, unready: 3, deadlineMs: 10_000 };

/** Probes a second apart: `+` passes, `-` fails. */
function after(results: string, start: Health = newHealth("starting", 0), by = spec): Health {
  let nowMs = start.sinceMs;
  return [...results].reduce((health, result) => {
    nowMs += 1000;
    return judge(health, { ok: result === "+", words: `${nowMs}` }, by, nowMs);
  }, start);
}

test.each([
  ["+", "starting"],
  ["++", "ready"],
  ["+-+", "starting"],
  ["--++", "ready"],
  ["++--", "ready"],
  ["++--+--", "ready"],
  ["++---", "starting"],
  ["++---++", "ready"],
  ["---------", "starting"],
  ["----------", "overdue"],
  ["+-+-+-+-+-", "overdue"],
])("%s makes it %s", (results, phase) => {
  expect(after(results).phase).toBe(phase);
});

test("a server that answers after two minutes has the five that are usual, and not the one of a stricter spec", () => {
  const late = `${"-".repeat(120)}++`;
  const usual = { ...spec, deadlineMs: 5 * 60_000 };
  expect(after(late, undefined, usual).phase).toBe("ready");
  expect(after("-".repeat(60), undefined, { ...spec, deadlineMs: 60_000 }).phase).toBe("overdue");
});

test("the deadline starts again when a ready server loses its health", () => {
  expect(after("++++++++++++---").phase).toBe("starting");
  expect(after("---------", after("++++++++++++---")).phase).toBe("starting");
  expect(after("----------", after("++++++++++++---")).phase).toBe("overdue");
});

test("the deadline counts from the end of the start period, or from the first good answer in it", () => {
  const starting = () => newHealth("starting", 0, 20_000);
  expect(after("-".repeat(29), starting()).phase).toBe("starting");
  expect(after("-".repeat(30), starting()).phase).toBe("overdue");
  expect(after(`----+${"-".repeat(9)}`, starting()).phase).toBe("starting");
  expect(after(`----+${"-".repeat(10)}`, starting()).phase).toBe("overdue");
  expect(after("++---", starting()).phase).toBe("starting");
  expect(after("----------", after("++---", starting())).phase).toBe("overdue");
});

test("the newest five results are remembered", () => {
  expect(after("-------").recent).toEqual(["3000", "4000", "5000", "6000", "7000"]);
});

test("a starting server is probed often at first, then less, never less than at its interval", () => {
  const starting = newHealth("starting", 0);
  const delays = [0, 100, 500, 2000, 8000].map((ms) => nextProbeMs(starting, spec, ms) - ms);
  expect(delays).toEqual([25, 25, 100, 400, 1000]);
  expect(nextProbeMs({ ...starting, streak: 1 }, spec, 8000)).toBe(8050);
  expect(nextProbeMs(starting, spec, 9900)).toBe(10_000);
});

test("ready servers are probed on common beats, at their interval or a little more often", () => {
  const ready = newHealth("ready", 0);
  expect(nextProbeMs(ready, spec, 1130)).toBe(2000);
  expect(nextProbeMs(ready, spec, 2000)).toBe(3000);
  expect(nextProbeMs(ready, spec, 2999)).toBe(4000);
  expect(nextProbeMs(ready, { ...spec, intervalMs: 300 }, 1130)).toBe(1430);
});
