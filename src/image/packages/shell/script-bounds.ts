import { NotUnderstood } from "./syntax.ts";

/** What the shell may use for one script: far more than any script of Debian does. */
const bounds = {
  steps: 400_000,
  /** Commands within functions, files that are read, and their like. */
  depth: 200,
  /** Characters of all that is expanded, assigned and written; each text counts for 16 more. */
  characters: 32 << 20,
} as const;

/** What is left of the bounds of one script. Throws `NotUnderstood`, with the place, when nothing is. */
export class ScriptBounds {
  /** The command that was begun last, as it is written. */
  place = "";
  #steps = 0;
  #depth = 0;
  #characters = 0;

  step(): void {
    if (++this.#steps > bounds.steps) this.#exceeded("a script that does not end");
  }

  text(text: string): string {
    this.#characters += text.length + 16;
    if (this.#characters > bounds.characters) this.#exceeded("a script that makes text without an end");
    return text;
  }

  deeper<T>(work: () => T): T {
    if (this.#depth >= bounds.depth) this.#exceeded("commands that call themselves without an end");
    this.#depth++;
    try {
      return work();
    } finally {
      this.#depth--;
    }
  }

  #exceeded(what: string): never {
    throw new NotUnderstood(`${what}, at: ${this.place}`);
  }
}
