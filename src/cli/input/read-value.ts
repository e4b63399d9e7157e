import { KilnError } from "../../lib/errors.ts";
import type { Input } from "../context.ts";

/** More than the largest secret; nothing after it is read. */
const mostBytes = 1024 * 1024;

/**
 * All of standard input; from a terminal one line, which is not shown. Never from the command line, where every user of
 * the machine could see it. Without `keepNewline` one trailing newline (LF or CR LF) is removed: `echo` and editors
 * add one.
 */
export async function readValue(
  input: Input,
  options: { readonly keepNewline: boolean; readonly prompt: (text: string) => void; readonly what: string },
): Promise<Buffer> {
  if (input.isTTY) return readHidden(input, options);
  const value = await readAll(input);
  return options.keepNewline ? value : withoutNewline(value);
}

async function readAll(input: Input): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const buffer = Buffer.from(chunk as Uint8Array);
    chunks.push(buffer);
    bytes += buffer.length;
    if (bytes > mostBytes) break;
  }
  return Buffer.concat(chunks);
}

function withoutNewline(value: Buffer): Buffer {
  const lineFeed = value.at(-1) === 10 ? 1 : 0;
  const carriageReturn = lineFeed === 1 && value.at(-2) === 13 ? 1 : 0;
  return value.subarray(0, value.length - lineFeed - carriageReturn);
}

const keys = { interrupt: 3, end: 4, backspace: 8, lineFeed: 10, carriageReturn: 13, delete: 127 } as const;

async function readHidden(
  input: Input,
  { prompt, what }: { readonly prompt: (text: string) => void; readonly what: string },
): Promise<Buffer> {
  prompt(`Value of ${what} (not shown): `);
  input.setRawMode?.(true);
  try {
    const typed: number[] = [];
    for await (const chunk of input) {
      for (const byte of Buffer.from(chunk as Uint8Array)) {
        if (byte === keys.interrupt) throw new KilnError("cancelled", "Nothing was set.");
        if (byte === keys.lineFeed || byte === keys.carriageReturn || byte === keys.end)
          return Buffer.from(typed);
        if (byte === keys.backspace || byte === keys.delete) removeCharacter(typed);
        else typed.push(byte);
      }
    }
    return Buffer.from(typed);
  } finally {
    input.setRawMode?.(false);
    prompt("\n");
  }
}

/** The last character with all its bytes: in UTF-8 the second and later bytes begin with the bits 10. */
function removeCharacter(typed: number[]): void {
  for (let byte = typed.pop(); byte !== undefined && (byte & 0xc0) === 0x80; ) byte = typed.pop();
}
