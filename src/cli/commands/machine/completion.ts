import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { createClient } from "../../../api/client/client.ts";
import { readSpecText } from "../../../spec/yaml/source.ts";
import { expected, type NextOnLine, type Word } from "../../completion/expected.ts";
import { isNamed, namesFor } from "../../completion/names.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText } from "../../output/text.ts";
import { whoAmI } from "../../people.ts";
import { findService } from "../../project.ts";
import { localContext, readContexts } from "../../remote/contexts.ts";

/** Argument SHELL. */
type Shell = "bash" | "zsh" | "fish";

/** Someone waits with a finger on the key: a controller that takes longer is not waited for. */
const patienceMs = 1_500;

/**
 * Prints the completion for a shell, or with the words of a command line what could come next: a word a line, as that shell wants it, or
 * `:files`. Never starts a controller, and is silent about all that goes wrong, as errors would break into the line that someone writes.
 */
export function completion(program: Command) {
  return async (context: Context, _: object, shell: Shell, words: readonly string[]): Outcome => {
    if (words.length === 0) {
      context.output.raw(readFileSync(new URL(`../../completion/kiln.${shell}`, import.meta.url), "utf8"));
      return 0;
    }
    const next = expected(program, words);
    const found = await fitting(context, next, words);
    if (found.length === 0 && isFile(next)) context.output.raw(":files\n"); // where both may come, names go first
    for (const word of found) context.output.raw(`${format[shell](word)}\n`);
    return 0;
  };
}

const format: Readonly<Record<Shell, (word: Word) => string>> = {
  bash: ({ value }) => value,
  zsh: ({ value, about }) => `${value.replaceAll(":", "\\:")}${about && `:${about}`}`,
  fish: ({ value, about }) => (about ? `${value}\t${about}` : value),
};

function isFile(next: NextOnLine): boolean {
  return "kinds" in next && next.kinds.some((kind) => kind === "FILE" || kind === "FOLDER");
}

async function fitting(
  context: Context,
  next: NextOnLine,
  words: readonly string[],
): Promise<readonly Word[]> {
  const last = words.at(-1) ?? "";
  const all = "words" in next ? next.words : await named(context, next).catch(() => []);
  const byValue = new Map(
    all.filter(({ value }) => value.startsWith(last)).map((word) => [word.value, word]),
  );
  return [...byValue.values()];
}

type Named = Exclude<NextOnLine, { readonly words: readonly Word[] }>;

async function named(context: Context, next: Named): Promise<readonly Word[]> {
  const found = await namesOf(context, next);
  return found
    .filter(({ value }) => harmless.test(value))
    .map(({ value, about }) => ({ value: `${next.prefix}${value}`, about: plainText(about) }));
}

/** Names come from files and controllers of others, and bash puts what it gets into the line as it is: what it would run or split is not offered. */
const harmless = /^[A-Za-z0-9][\w.,:@+%/=-]*$/;

async function namesOf(context: Context, { kinds, of, service }: Named): Promise<readonly Word[]> {
  const { cwd, env, state, remote } = context;
  if (kinds.includes("CONTEXT")) {
    const names = [localContext, ...readContexts(env).all.map(({ name }) => name)];
    return names.map((value) => ({ value, about: "context" }));
  }
  if (kinds.includes("ENVIRONMENT")) return environments(cwd);
  if (!isNamed(kinds, of)) return [];
  const client = createClient((await remote()) ?? state.controllerSocket, { stated: whoAmI(env) });
  const about = service ?? (await findService(cwd, {}, undefined).catch(() => undefined));
  const late = context.clock.sleep(patienceMs, context.signal).then((): readonly Word[] => []);
  return Promise.race([namesFor(kinds, of, { client, service: about }), late]);
}

/** In `./kiln.yaml`, which may be amid an edit. */
async function environments(cwd: string): Promise<readonly Word[]> {
  const { parseDocument } = await import("yaml");
  const written: unknown = parseDocument(await readSpecText(`${cwd}/kiln.yaml`)).toJS();
  const all = (written as { environments?: object }).environments;
  return Object.keys(all ?? {}).map((value) => ({ value, about: "environment" }));
}
