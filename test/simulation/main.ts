import { parseArgs } from "node:util";
import { simulateMany } from "./many.ts";
import { simulate } from "./simulation.ts";
import { summaryLines } from "./summary.ts";

const usage = `npm run simulate -- --seed N          one run, with its trace
npm run simulate -- --runs N          many runs, from seed 1 on (or --from N), with a summary
npm run simulate -- --rollouts N      as many runs as it takes to begin so many rollouts
npm run simulate -- --nightly         20,000 runs`;

const nightlyRuns = 20_000;

async function replay(seed: number): Promise<boolean> {
  const { found, trace } = await simulate({ seed, traced: true });
  for (const line of trace) console.log(line);
  console.log(
    found === undefined ? `seed ${seed}: all invariants hold` : `seed ${seed}: ${found.rule}: ${found.words}`,
  );
  return found === undefined;
}

async function many(from: number, runs: number, rollouts: number): Promise<boolean> {
  const result = await simulateMany({ from, runs, rollouts, say: console.log });
  for (const line of summaryLines(result)) console.log(line);
  return result.findings.length === 0;
}

async function main(): Promise<boolean> {
  const number = { type: "string" } as const;
  const { values } = parseArgs({
    options: { seed: number, runs: number, from: number, rollouts: number, nightly: { type: "boolean" } },
  });
  if (values.seed !== undefined) return replay(Number(values.seed));
  const from = Number(values.from ?? 1);
  if (values.nightly) return many(from, nightlyRuns, Number.POSITIVE_INFINITY);
  if (values.rollouts !== undefined) return many(from, Number.POSITIVE_INFINITY, Number(values.rollouts));
  if (values.runs !== undefined) return many(from, Number(values.runs), Number.POSITIVE_INFINITY);
  console.log(usage);
  return false;
}

process.exitCode = (await main()) ? 0 : 1;
