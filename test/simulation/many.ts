import { type Outcome, simulate } from "./simulation.ts";
import { addOutcomes, noOutcome } from "./summary.ts";

export interface ManyOptions {
  /** The first seed. */
  readonly from: number;
  readonly runs: number;
  /** Ends earlier when so many rollouts have begun. */
  readonly rollouts?: number;
  /** Hears of each finding, and now and then how far it has come. */
  readonly say: (line: string) => void;
}

export interface ManyRuns {
  readonly runs: number;
  readonly findings: readonly string[];
  readonly total: Outcome;
  readonly cpuSeconds: number;
}

const mostFindings = 10;
const progressMs = 15_000;

/** Plays one seed after the other. */
export async function simulateMany({
  from,
  runs,
  rollouts = Number.POSITIVE_INFINITY,
  say,
}: ManyOptions): Promise<ManyRuns> {
  const before = process.cpuUsage();
  const findings: string[] = [];
  let total = noOutcome;
  let done = 0;
  let saidMs = performance.now();
  while (done < runs && total.rollouts < rollouts && findings.length < mostFindings) {
    const { seed, found, outcome } = await simulate({ seed: from + done++ });
    total = addOutcomes(total, outcome);
    if (found !== undefined) {
      const finding = `seed ${seed}: ${found.rule}: ${found.words}\n  replay: ${replay(seed)}`;
      findings.push(finding);
      say(finding);
    }
    if (performance.now() - saidMs < progressMs) continue;
    saidMs = performance.now();
    say(`${done} of ${runs} runs, ${total.rollouts} rollouts, ${findings.length} findings`);
  }
  const { user, system } = process.cpuUsage(before);
  return { runs: done, findings, total, cpuSeconds: (user + system) / 1e6 };
}

/** The command that plays a seed again and shows its trace. */
export function replay(seed: number): string {
  return `npm run simulate -- --seed ${seed}`;
}
