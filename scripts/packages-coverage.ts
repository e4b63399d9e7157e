import { readFileSync } from "node:fs";
import { checkPackages } from "../src/image/packages/check.ts";
import { hostArchitecture } from "../src/image/store/oci-types.ts";

/**
 * How many package sets a slim image can hold: `node scripts/packages-coverage.ts FILE CACHE [SUITE]`. FILE has one set a line, names
 * between blanks, `#` for comments; CACHE is a folder for package lists and scripts, to be kept for the next run.
 */
const [file = "", cacheFolder = "", suite = "bookworm"] = process.argv.slice(2);
const sets = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const setsOf = new Map<string, string[]>();
let held = 0;
for (const set of sets) {
  const said = await verdict(set.split(/\s+/)).catch((error) => [String(error)]);
  if (said.length === 0) held++;
  for (const one of said) setsOf.set(one, [...(setsOf.get(one) ?? []), set]);
  console.log(said.length === 0 ? `yes ${set}` : `no  ${set}\n      ${said.join("\n      ")}`);
}
console.log(`\n${held} of ${sets.length} sets`);
for (const [one, among] of [...setsOf].sort((a, b) => b[1].length - a[1].length))
  console.log(among.length, one);

async function verdict(names: readonly string[]): Promise<readonly string[]> {
  const request = { suite, sources: [], architecture: hostArchitecture(), cacheFolder };
  const signal = new AbortController().signal;
  const { unclear } = await checkPackages(names, { ...request, signal, progress: () => {} });
  return [...unclear].map(([name, command]) => `${name}: ${command}`);
}
