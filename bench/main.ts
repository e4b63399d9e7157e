import { parseArgs } from "node:util";
import { cases } from "./cases.ts";
import { amountOf, type Figure, isReached, kiln, ratioOf, withPeerTargets } from "./figure.ts";
import { machineFacts } from "./machine.ts";
import { summarize } from "./stats.ts";
import { renderTable } from "./table.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";

const help = `Measures Kiln on this machine. Takes some minutes; needs root, and a machine without other work.

npm run bench -- [--only NAME]... [--json]

  --only NAME  only these: ${cases.map(({ name }) => name).join(", ")}
  --json       print JSON for programs
`;

interface Asked {
  readonly only: readonly string[];
  readonly json: boolean;
}

async function main(): Promise<number> {
  const asked = readArguments();
  if (asked === undefined) return 2;
  if (process.getuid?.() !== 0) return refuse("The benchmark runs real servers, which needs root.");
  const { figures, faults } = await measureAll(asked);
  print(asked, figures, faults);
  return faults.length > 0 ? 1 : 0;
}

function readArguments(): Asked | undefined {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", multiple: true, default: [] },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const unknown = values.only.filter((name) => cases.every((c) => c.name !== name));
    if (unknown.length > 0) throw new TypeError(`There is no case ${unknown.join(", ")}.`);
    if (!values.help) return values;
    process.stderr.write(help);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
  return undefined;
}

/** A case that fails does not keep the others from being measured. */
async function measureAll({ only }: Asked): Promise<{ figures: readonly Figure[]; faults: string[] }> {
  await using workshop = await openWorkshop((words) => process.stderr.write(`  ${words}\n`));
  const figures: Figure[] = [];
  const faults: string[] = [];
  const measure = async (name: string, about: string, run: (w: Workshop) => Promise<readonly Figure[]>) => {
    process.stderr.write(`${name}: ${about}\n`);
    try {
      figures.push(...(await run(workshop)));
    } catch (error) {
      faults.push(`${name}: ${wordsOf(error)}`);
    }
  };
  for (const { name, about, run } of cases) {
    if (only.length === 0 || only.includes(name)) await measure(name, about, run);
  }
  return { figures: withPeerTargets(figures), faults: [...faults, ...workshop.faults] };
}

function print({ json }: Asked, figures: readonly Figure[], faults: readonly string[]): void {
  const machine = machineFacts();
  if (json) {
    const rows = figures.map((f) => ({
      ...f,
      ...summarize(f.samples),
      value: amountOf(f),
      ratio: ratioOf(f),
      ...(f.by === kiln ? { reached: isReached(f) } : {}),
    }));
    process.stdout.write(`${JSON.stringify({ machine, figures: rows, faults }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`\n${machine.join(", ")}\n\n${renderTable(figures)}\n`);
  for (const fault of faults) process.stdout.write(`\nFAULT ${fault}\n`);
}

/** What went wrong first, and what then went wrong while tidying up. */
function wordsOf(error: unknown): string {
  if (error instanceof SuppressedError)
    return `${wordsOf(error.suppressed)}\nand then: ${wordsOf(error.error)}`;
  return error instanceof Error ? error.message : String(error);
}

function refuse(words: string): number {
  process.stderr.write(`${words}\n`);
  return 1;
}

process.exitCode = await main();
