import { errorToJson } from "../../lib/errors.ts";
import { errorLines } from "./error-lines.ts";
import { LiveArea } from "./live-area.ts";
import type { Sink } from "./sink.ts";
import { createStyle, type Style, wantsColour } from "./style.ts";
import { terminalJson, terminalText } from "./terminal-text.ts";

/**
 * The output of a command. Results go to stdout; remarks and progress to stderr. With `--json`, stdout gets exactly
 * one JSON document (or, from streams, one per line) and stderr stays silent.
 */
export class Output {
  readonly json: boolean;
  /** For what goes to stdout. */
  readonly style: Style;
  /** For what goes to stderr. */
  readonly noteStyle: Style;
  readonly #stdout: Sink;
  readonly #stderr: Sink;

  constructor(options: {
    readonly json: boolean;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly stdout: Sink;
    readonly stderr: Sink;
  }) {
    this.json = options.json;
    this.#stdout = options.stdout;
    this.#stderr = options.stderr;
    this.style = createStyle(wantsColour(options.env, options.stdout));
    this.noteStyle = createStyle(wantsColour(options.env, options.stderr));
  }

  /** Whether progress can be drawn over itself. */
  get live(): boolean {
    return !this.json && this.#stderr.isTTY === true;
  }

  /** A command's answer: the value with `--json`, the lines otherwise. */
  result(value: unknown, lines: readonly string[]): void {
    this.#stdout.write(this.json ? `${json(value, 2)}\n` : joined(lines));
  }

  /** One entry of a stream: a line of JSON, or a line. */
  entry(value: unknown, line: string): void {
    this.#stdout.write(this.json ? `${json(value)}\n` : joined([line]));
  }

  /** As `entry`, for a line that another program has written: unchanged to a file or a pipe, made safe for a terminal. */
  foreign(value: unknown, line: string): void {
    if (this.json || this.#stdout.isTTY) this.entry(value, line);
    else this.#stdout.write(`${line}\n`);
  }

  /** Text for stdout, the same with and without `--json`; text is made safe for a terminal. */
  raw(piece: string | Uint8Array): void {
    this.#stdout.write(typeof piece === "string" && this.#stdout.isTTY ? terminalText(piece) : piece);
  }

  /** Lines on stdout that `--json` leaves out. */
  print(...lines: string[]): void {
    if (!this.json) this.#stdout.write(joined(lines));
  }

  /** Remarks and progress on stderr, which `--json` leaves out. */
  note(...lines: string[]): void {
    if (!this.json) this.#stderr.write(joined(lines));
  }

  /** A question on stderr; the answer follows on the same line. */
  prompt(text: string): void {
    if (!this.json) this.#stderr.write(terminalText(text));
  }

  /** The same, but each line of its remarks begins with this name, and no progress is drawn over itself. */
  named(name: string): Output {
    const stderr: Sink = {
      write: (piece) =>
        this.note(
          ...String(piece)
            .replace(/\n$/, "")
            .split("\n")
            .map((line) => `${this.noteStyle.bold(name)}  ${line}`),
        ),
    };
    return new Output({ json: this.json, env: {}, stdout: this.#stdout, stderr });
  }

  /** Only to be used where `live` is true. */
  liveArea(): LiveArea {
    return new LiveArea(this.#stderr);
  }

  /** Where an answer is drawn over itself again and again; undefined where stdout is not a terminal, and with `--json`. */
  screen(): LiveArea | undefined {
    return !this.json && this.#stdout.isTTY === true ? new LiveArea(this.#stdout) : undefined;
  }

  /** The end of a command that failed: people read it on stderr, programs as one line of JSON on stdout. */
  error(error: unknown): void {
    if (this.json) this.#stdout.write(`${json({ error: errorToJson(error) })}\n`);
    else this.#stderr.write(joined(errorLines(error, this.noteStyle)));
  }
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${terminalText(line)}\n`).join("");
}

function json(value: unknown, indent?: number): string {
  return terminalJson(JSON.stringify(value, null, indent));
}
