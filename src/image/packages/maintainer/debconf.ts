import { parseStanzas } from "../archive/control.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import type { ShellProgram } from "../shell/world.ts";

/** Answers to debconf's questions, of all packages. */
export type Answers = Map<string, string>;

/** Skipped: no one is asked (debconf-devel(7), "INPUT"). */
const skipped = 30;

/** The questions of a package get the answers that its templates give, since no one is asked. */
export function registerTemplates(answers: Answers, templates: string): void {
  for (const stanza of parseStanzas(templates)) {
    const name = stanza.get("template");
    if (name !== undefined && !answers.has(name)) answers.set(name, stanza.get("default") ?? "");
  }
}

/** The commands of debconf's shell library (debconf-devel(7)). */
export function debconfPrograms(answers: Answers): Readonly<Record<string, ShellProgram>> {
  const returned =
    (status: number): ShellProgram =>
    (_, __, shell) => {
      shell.assign("RET", "");
      return status;
    };
  const seen = new Map<string, string>();
  const nothing = [
    "title",
    "settitle",
    "subst",
    "stop",
    "version",
    "capb",
    "purge",
    "unregister",
    "info",
    "beginblock",
    "endblock",
    "clear",
    "progress",
  ];
  return {
    ...Object.fromEntries(nothing.map((name) => [`db_${name}`, returned(0)])),
    db_input: returned(skipped),
    db_go: returned(0),
    db_get: ([name = ""], _, shell) => {
      const answer = answers.get(name);
      shell.assign("RET", answer ?? "");
      return answer === undefined ? 10 : 0;
    },
    db_set: ([name = "", ...words]) => {
      answers.set(name, words.join(" "));
      return 0;
    },
    db_reset: () => {
      throw new NotUnderstood("");
    },
    db_fget: ([name = "", flag = ""], _, shell) => {
      shell.assign("RET", seen.get(`${name} ${flag}`) ?? "false");
      return 0;
    },
    db_fset: ([name = "", flag = "", value = ""]) => {
      seen.set(`${name} ${flag}`, value);
      return 0;
    },
  };
}
