import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";

export interface Options {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly rest: readonly string[];
}

/**
 * Splits arguments in the manner of getopt(1): `flags` and `values` are names without dashes, by white space. With the flag `+`, options end at
 * the first other argument. Throws `NotUnderstood` for any other option.
 */
export function optionsOf(args: readonly string[], flagNames: string, valueNames = ""): Options {
  const isFlag = (name: string) => flagNames.split(" ").includes(name);
  const takesValue = (name: string) => valueNames.split(" ").includes(name);
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const rest: string[] = [];
  const left = [...args];
  const value = () => left.shift() ?? fail();
  for (let one = left.shift(); one !== undefined; one = left.shift()) {
    const [, long, assigned] = /^--([a-z][\w-]*)(?:=(.*))?$/s.exec(one) ?? [];
    if (one === "--" || (rest.length > 0 && isFlag("+"))) {
      if (one !== "--") rest.push(one);
      rest.push(...left.splice(0));
    } else if (long !== undefined) {
      if (takesValue(long)) values.set(long, assigned ?? value());
      else if (isFlag(long) && assigned === undefined) flags.add(long);
      else fail();
    } else if (/^-[A-Za-z0-9]/.test(one)) {
      for (let letters = one.slice(1); letters !== ""; letters = letters.slice(1)) {
        const letter = letters[0] ?? "";
        if (isFlag(letter)) flags.add(letter);
        else if (takesValue(letter)) {
          values.set(letter, letters.slice(1) || value());
          break;
        } else fail();
      }
    } else rest.push(one);
  }
  return { flags, values, rest };
}

/** getopts(1) of the shell: one option a call, in the variable named second. */
export const getopts: ShellProgram = ([known = "", name = "", ...given], _, shell) => {
  const words = given.length > 0 ? given : shell.positional;
  const index = Number(shell.variable("OPTIND") ?? 1);
  const within = Number(shell.variable("KILN_OPTION") ?? 1);
  const word = words[index - 1] ?? "";
  const next = (at: number, place = 1) => {
    shell.assign("OPTIND", String(at));
    shell.assign("KILN_OPTION", String(place));
  };
  if (!/^-./.test(word) || word === "--") {
    next(word === "--" ? index + 1 : index);
    return 1;
  }
  const letter = word[within] ?? "";
  const at = known.indexOf(letter);
  if (at < 0) fail();
  shell.assign(name, letter);
  if (known[at + 1] !== ":") {
    next(within + 1 < word.length ? index : index + 1, within + 1 < word.length ? within + 1 : 1);
    return 0;
  }
  const rest = word.slice(within + 1);
  shell.assign("OPTARG", rest || (words[index] ?? fail()));
  next(rest ? index + 1 : index + 2);
  return 0;
};

function fail(): never {
  throw new NotUnderstood("");
}
