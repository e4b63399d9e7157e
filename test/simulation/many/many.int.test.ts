import { expect, test } from "vitest";
import { faults, requests } from "../tally.ts";
import { simulateMany } from "./many.ts";
import { summaryLines } from "./summary.ts";

const runs = 2_000;
/** Of each fault and each request. All are likely enough to happen several times over, whatever course the runs take. */
const least = 5;

test(`the invariants hold over ${runs} faulty worlds, in which everything happens that can`, async () => {
  const result = await simulateMany({ from: 1, runs, say: console.log });
  for (const line of summaryLines(result)) console.log(line);
  expect(result.findings).toEqual([]);
  const { happened } = result.total;
  const rare = [...faults, ...requests].filter((name) => (happened[name] ?? 0) < least);
  expect(rare, "what hardly happens proves nothing").toEqual([]);
}, 3_600_000);
