import type { Sink } from "./sink.ts";
import { terminalText } from "./terminal-text.ts";
import { cutTo } from "./text.ts";

/**
 * Lines at the bottom of a terminal that are redrawn in place. Lines printed above them stay.
 * Sequences: ECMA-48 (CUU, ED), which every terminal since the VT100 knows.
 */
export class LiveArea {
  readonly #terminal: Sink;
  #shown = 0;
  #last = "";

  constructor(terminal: Sink) {
    this.#terminal = terminal;
  }

  /** Shows these lines in place of the former ones; lines that are too wide are cut. */
  show(lines: readonly string[]): void {
    const columns = this.#terminal.columns || 80; // a terminal that does not know its size reports 0
    const rows = this.#terminal.rows || 24;
    const kept = lines
      .slice(0, Math.max(1, rows - 1))
      .map((line) => cutTo(terminalText(line), Math.max(1, columns - 1)));
    const text = kept.map((line) => `${line}\n`).join("");
    if (text === this.#last) return;
    this.#terminal.write(this.#erase() + text);
    this.#shown = kept.length;
    this.#last = text;
  }

  /** Prints lines that stay, above the live ones. */
  print(lines: readonly string[]): void {
    this.#terminal.write(
      this.#erase() + lines.map((line) => `${terminalText(line)}\n`).join("") + this.#last,
    );
  }

  /** Removes the live lines. */
  clear(): void {
    this.#terminal.write(this.#erase());
    this.#shown = 0;
    this.#last = "";
  }

  #erase(): string {
    return this.#shown === 0 ? "" : `\u001b[${this.#shown}A\r\u001b[J`;
  }
}
