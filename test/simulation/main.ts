import { parseArgs } from "node:util";
import { simulateMany } from "./many/many.ts";
import { summaryLines } from "./many/summary.ts";
import { type Concern, concerns } from "./policy/written.ts";
import { simulate } from "./simulation.ts";
import { type WorldName, worldNames } from "./world.ts";

const usage = `npm run simulate -- --seed N          one run, with its trace; even seeds are played on an engine
    --on fleet|engine                 ... the run in the other world
    --policies windows|approvals      ... with policies about these
npm run simulate -- --runs N          many runs, from seed 1 on (or --from N), with a summary
npm run simulate -- --rollouts N      as many runs as it takes to begin so many rollouts
npm run simulate -- --nightly         20,000 runs`;

const nightlyRuns = 20_000;

async function replay(
  seed: number,
  on: WorldName | undefined,
  policies: Concern | undefined,
): Promise<boolean> {
  const { world, found, trace } = await simulate({ seed, on, policies, traced: true });
  for (const line of trace) console.log(line);
  const end = found === undefined ? "all invariants hold" : `${found.rule}: ${found.words}`;
  console.log(`seed ${seed} (${world}): ${end}`);
  return found === undefined;
}

async function many(from: number, runs: number, rollouts: number): Promise<boolean> {
  const result = await simulateMany({ from, runs, rollouts, say: console.log });
  for (const line of summaryLines(result)) console.log(line);
  return result.findings.length === 0;
}

async function main(): Promise<boolean> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      seed: text,
      on: text,
      runs: text,
      from: text,
      rollouts: text,
      policies: text,
      nightly: { type: "boolean" },
    },
  });
  if (values.seed !== undefined)
    return replay(
      Number(values.seed),
      worldNames.find((name) => name === values.on),
      concerns.find((name) => name === values.policies),
    );
  const from = Number(values.from ?? 1);
  if (values.nightly) return many(from, nightlyRuns, Number.POSITIVE_INFINITY);
  if (values.rollouts !== undefined) return many(from, Number.POSITIVE_INFINITY, Number(values.rollouts));
  if (values.runs !== undefined) return many(from, Number(values.runs), Number.POSITIVE_INFINITY);
  console.log(usage);
  return false;
}

process.exitCode = (await main()) ? 0 : 1;
