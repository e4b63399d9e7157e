import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SimulationResult } from "../simulation.ts";
import { addOutcomes, type ManyRuns, noOutcome } from "./summary.ts";

export interface ManyOptions {
  /** The first seed. */
  readonly from: number;
  readonly runs: number;
  /** Ends earlier when so many rollouts have begun. */
  readonly rollouts?: number;
  /** Hears of each finding, and now and then how far it has come. */
  readonly say: (line: string) => void;
}

const mostFindings = 10;
const progressMs = 15_000;
/** A run takes a fraction of a second, on a busy machine a few: one that takes so much longer does not come to its end. */
const longestMs = 60_000;

/** Plays one seed after the other, on each processor. */
export async function simulateMany({
  from,
  runs,
  rollouts = Number.POSITIVE_INFINITY,
  say,
}: ManyOptions): Promise<ManyRuns> {
  const before = process.cpuUsage();
  const findings: string[] = [];
  let total = noOutcome;
  let [begun, done] = [0, 0];
  let saidMs = performance.now();

  function next(): number | undefined {
    const enough = begun >= runs || total.rollouts >= rollouts || findings.length >= mostFindings;
    return enough ? undefined : from + begun++;
  }

  function take({ seed, world, found, outcome }: SimulationResult): void {
    done++;
    total = addOutcomes(total, outcome);
    if (found !== undefined) {
      const finding = `seed ${seed} (${world}): ${found.rule}: ${found.words}\n  replay: ${replay(seed)} --on ${world}`;
      findings.push(finding);
      say(finding);
    }
    if (performance.now() - saidMs < progressMs) return;
    saidMs = performance.now();
    say(`${done} of ${runs} runs, ${total.rollouts} rollouts, ${findings.length} findings`);
  }

  await Promise.all(Array.from({ length: availableParallelism() }, () => playSeeds(next, take)));
  const { user, system } = process.cpuUsage(before);
  return { runs: done, findings, total, cpuSeconds: (user + system) / 1e6 };
}

/** A thread of its own: a run is all computing. */
async function playSeeds(
  next: () => number | undefined,
  take: (run: SimulationResult) => void,
): Promise<void> {
  const player = new Worker(new URL("player.ts", import.meta.url));
  try {
    for (let seed = next(); seed !== undefined; seed = next()) {
      player.postMessage(seed);
      take(await answer(player, seed));
    }
  } finally {
    await player.terminate();
  }
}

async function answer(player: Worker, seed: number): Promise<SimulationResult> {
  const late = AbortSignal.timeout(longestMs);
  try {
    const [run] = (await once(player, "message", { signal: late })) as [SimulationResult];
    return run;
  } catch (error) {
    if (!late.aborted) throw error;
    throw new Error(`Seed ${seed} does not come to its end.\n  replay: ${replay(seed)}`, { cause: error });
  }
}

/** The command that plays a seed again and shows its trace. */
export function replay(seed: number): string {
  return `npm run simulate -- --seed ${seed}`;
}
