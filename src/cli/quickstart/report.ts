import type { Style } from "../output/style.ts";
import { plainText, table } from "../output/text.ts";
import { formatDuration, plural } from "../output/units.ts";
import type { LoadCounts } from "./load.ts";
import type { Playground } from "./playground.ts";

/** One step of the quickstart as it went. Without `load`, no requests were sent meanwhile. */
export interface StepResult {
  readonly step: string;
  readonly ms: number;
  readonly load?: LoadCounts;
}

/** The table at the end. */
export function reportLines(steps: readonly StepResult[], style: Style): string[] {
  const rows = steps.map(({ step, ms, load }) => [
    step,
    formatDuration(ms),
    load === undefined ? "-" : `${load.served}`,
    load === undefined ? "-" : lostCell(load.lost, style),
    load === undefined ? "-" : `${load.medianMs.toFixed(1)} ms`,
    load === undefined ? "-" : `${load.p99Ms.toFixed(1)} ms`,
  ]);
  const losses = steps.flatMap(({ load }) => load?.losses ?? []);
  return [
    ...table(["STEP", "TIME", "SERVED", "LOST", "MEDIAN", "P99"], rows),
    ...(losses.length === 0 ? [] : ["", "Lost requests:", ...losses.map((loss) => `  ${plainText(loss)}`)]),
  ];
}

/** A playground that is kept at the end. */
export interface KeptPlayground extends Playground {
  readonly address: string;
}

/** What to do next, with the example removed or kept. */
export function nextLines(kept: KeptPlayground | undefined): string[] {
  if (kept === undefined) {
    return [
      "Everything that the quickstart created is removed. Next:",
      "  kiln init && kiln deploy     in your own project folder",
      "  kiln quickstart --keep       to look around in the example",
      "  docs/kiln-yaml.md            every key of kiln.yaml",
    ];
  }
  return [
    `The example still runs at ${kept.address}. To look around:`,
    `  cd ${kept.project} && export KILN_HOME=${kept.state.home}`,
    "  kiln status                  also: servers, history, logs, audit",
    "  kiln deploy                  after changing something in site/",
    "To remove it all:",
    `  kiln remove --yes && kiln controller stop && cd / && rm -r ${kept.folder}`,
  ];
}

/** Every request that got no answer. */
export function lostIn(steps: readonly StepResult[]): number {
  return steps.reduce((sum, { load }) => sum + (load?.lost ?? 0), 0);
}

export function verdictLine(steps: readonly StepResult[], style: Style): string {
  const served = steps.reduce((sum, { load }) => sum + (load?.served ?? 0), 0);
  const lost = lostIn(steps);
  const text = `${plural(served, "request")} served, ${lost} lost, while all servers were replaced twice, and one more after it was entered.`;
  return lost === 0 ? style.good(text) : style.bad(text);
}

function lostCell(lost: number, style: Style): string {
  return lost === 0 ? style.good("0") : style.bad(`${lost}`);
}
