import { readFileSync } from "node:fs";
import { type ErrorCode, errorCodes } from "../../../lib/error-codes.ts";
import { KilnError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import { allKeys, explainKey, type KeyHelp } from "../../../spec/explain.ts";
import type { Context, Outcome } from "../../context.ts";
import { facts } from "../../output/text.ts";

/** What a key of `kiln.yaml` or the code of an error means; needs neither a file nor a controller. */
export async function run({ output }: Context, _: object, word: string): Outcome {
  if (isCode(word)) {
    const found = explainCode(word);
    output.result(found, [
      output.style.bold(word),
      "",
      found.meaning,
      "",
      `exit code ${found.exit}, HTTP ${found.http}`,
    ]);
    return 0;
  }
  const found = explainKey(word);
  if (found === undefined) throw unknown(word);
  output.result(found, keyLines(found, output.style.bold));
  return 0;
}

function isCode(word: string): word is ErrorCode {
  return Object.hasOwn(errorCodes, word);
}

/** The page explains each code, in one row of a table: `| CODE | exit | HTTP | meaning |`. */
function explainCode(code: ErrorCode) {
  const page = readFileSync(new URL("../../../../docs/errors.md", import.meta.url), "utf8");
  const meaning = new RegExp(`^\\| \`${code}\` \\| \\d \\| \\d+ \\| (.+) \\|$`, "m").exec(page)?.[1] ?? "";
  const { exit, status } = errorCodes[code];
  return { code, exit, http: status, meaning: meaning.replaceAll(/\[([^\]]+)\]\([^)]+\)/g, "$1") };
}

function keyLines(found: KeyHelp, bold: (text: string) => string): string[] {
  const { key, meaning, form, required, examples, keys } = found;
  return [
    bold(key),
    ...(meaning === undefined ? [] : ["", meaning]),
    "",
    ...facts([
      ["form", form],
      ["default", required ? "none: it has to be there" : (found.default ?? "none")],
      ...(examples.length === 0 ? [] : ([["example", examples.join(", ")]] as const)),
    ]),
    ...(keys.length === 0
      ? []
      : ["", ...facts(keys.map((child) => [child.key, child.meaning ?? ""] as const))]),
  ];
}

function unknown(word: string): KilnError {
  const keys = allKeys();
  const same = keys.filter((key) => key.endsWith(`.${word}`));
  const near = nearest(word, [...keys, ...Object.keys(errorCodes)]);
  const did =
    near === undefined
      ? "`kiln schema` prints all keys; docs/errors.md has all codes."
      : `Did you mean ${near}?`;
  return new KilnError("usage", `${word} is not a key of kiln.yaml, nor the code of an error.`, {
    hint: same.length === 0 ? did : `There is ${same.join(", ")}.`,
  });
}
