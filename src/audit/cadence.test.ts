import { expect, test } from "vitest";
import { Cadence } from "./cadence.ts";
import type { LogEntry } from "./entry.ts";

/** One entry each `everyMs`; those at `checkpoints` are checkpoints. */
function holes(count: number, everyMs: number, checkpoints: readonly number[]) {
  const cadence = new Cadence();
  for (let sequence = 1; sequence <= count; sequence += 1) {
    const kind = checkpoints.includes(sequence) ? "audit.checkpoint" : "server.started";
    cadence.add({ sequence, kind, at_ms: sequence * everyMs } as LogEntry);
  }
  return cadence.end();
}

test("checkpoints written on time leave no gap, nor does a log that is too short for one", () => {
  expect(holes(2_100, 10, [1_001, 2_005])).toEqual([]);
  expect(holes(60, 60_000, [])).toEqual([]);
  expect(holes(4, 24 * 3_600_000, [2, 4])).toEqual([]);
});

test("a checkpoint missing after so many entries, or so much time, is a gap from the first uncovered entry on", () => {
  expect(holes(3_500, 10, [1_001, 3_001])).toEqual([{ from: 1_002, to: 3_000 }]);
  expect(holes(130, 60_000, [5])).toEqual([{ from: 6, to: 130 }]);
});
