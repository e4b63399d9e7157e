import { closeSync, openSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { transcriptBytes } from "../../domain/drift/session.ts";

/** `i`: input, `o`: output, `e`: stderr where that is a separate stream. */
type Direction = "i" | "o" | "e";

/** The input and output of a session, as asciicast v2 (docs.asciinema.org): a header, then `[seconds, direction, text]` a line. */
export interface Transcript extends Disposable {
  record(direction: Direction, bytes: Uint8Array): void;
}

/** Quoted as for a shell (POSIX.1-2024, 2.2.2): where an argument begins and ends is part of the record. */
function shellText(command: readonly string[]): string {
  const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : quoted(word))).join(" ");
}

/** Data that cannot be written or does not fit is left out; the session continues. */
export function openTranscript(
  path: string,
  about: { readonly command: readonly string[]; readonly width: number; readonly height: number },
  now: () => number,
): Transcript {
  const startMs = now();
  const file = openSync(path, "a", 0o600);
  const decoders = { i: new StringDecoder(), o: new StringDecoder(), e: new StringDecoder() };
  let left = transcriptBytes;
  const { width, height, command } = about;
  write({ version: 2, width, height, timestamp: Math.floor(startMs / 1000), command: shellText(command) });

  function write(value: unknown): void {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    left = line.length > left ? 0 : left - line.length;
    if (left === 0) return;
    try {
      writeSync(file, line);
    } catch {
      left = 0;
    }
  }

  return {
    record(direction, bytes) {
      if (left === 0) return;
      write([(now() - startMs) / 1000, direction, decoders[direction].write(Buffer.from(bytes))]);
    },
    [Symbol.dispose]() {
      left = 0;
      closeSync(file);
    },
  };
}
