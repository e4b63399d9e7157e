/** What happened, line by line. Lines are made only when somebody wants to read them. */
export class Trace {
  readonly lines: string[] = [];
  readonly #wanted: boolean;
  readonly #now: () => number;
  readonly #startMs: number;

  constructor(wanted: boolean, now: () => number) {
    this.#wanted = wanted;
    this.#now = now;
    this.#startMs = now();
  }

  add(line: () => string): void {
    if (!this.#wanted) return;
    const seconds = ((this.#now() - this.#startMs) / 1000).toFixed(3);
    this.lines.push(`${seconds.padStart(9)}  ${line()}`);
  }
}
