import { isUtf8 } from "node:buffer";
import { dirname } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readInside } from "../../lib/files/read-inside.ts";

/** 1 MiB: a thousand services need a tenth of it. */
const largestSpecBytes = 1024 * 1024;

/**
 * The text of a `kiln.yaml`, without its byte order mark. Reads no more than the largest size allowed, so that
 * reading a device or a pipe by mistake ends too. Throws `path_escapes` for a link that leads out of its folder,
 * `spec_unreadable`, or `spec_invalid` for anything but UTF-8 text.
 */
export async function readSpecText(file: string): Promise<string> {
  const bytes = await readBounded(file);
  if (bytes.length > largestSpecBytes) {
    throw wrongBytes(
      file,
      "The file is larger than 1 MiB; expected at most 1 MiB.",
      "Split the file, for example into one file per service: Kiln reads one file at a time.",
    );
  }
  if (!isUtf8(bytes)) throw notUtf8(file, bytes);
  return new TextDecoder().decode(bytes); // drops the byte order mark
}

async function readBounded(file: string): Promise<Buffer> {
  try {
    return await readInside(dirname(file), file, largestSpecBytes);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): unknown {
  const problem = (message: string, hint: string) =>
    new KilnError("spec_unreadable", message, { hint, cause });
  if (isErrno(cause, "ENOENT") || isErrno(cause, "ENOTDIR")) {
    return problem(
      `${file} does not exist.`,
      "`kiln init` writes one for this folder; `--file FILE` names another file.",
    );
  }
  if (isErrno(cause, "EISDIR"))
    return problem(`${file} is a folder.`, `Name the file: ${file.replace(/\/+$/, "")}/kiln.yaml.`);
  if (isErrno(cause, "EACCES"))
    return problem(`${file} cannot be read: permission denied.`, "Make the file readable for this user.");
  return cause;
}

function notUtf8(file: string, bytes: Buffer): KilnError {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const place = utf16 ? { line: 1, column: 1 } : firstBadByte(bytes);
  const found = utf16 ? "UTF-16 text" : `byte 0x${place.byte?.toString(16)}, which is not UTF-8`;
  return wrongBytes(
    file,
    `Found ${found}; expected UTF-8 text.`,
    "Save the file in the UTF-8 encoding.",
    place,
  );
}

/** Line and column of the first byte that is not UTF-8. */
function firstBadByte(bytes: Buffer): { line: number; column: number; byte?: number } {
  let line = 1;
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(0x0a, start);
    const row = bytes.subarray(start, newline < 0 ? bytes.length : newline);
    if (!isUtf8(row) || newline < 0) {
      const bad = badIn(row);
      return { line, column: bad.column, ...(bad.byte === undefined ? {} : { byte: bad.byte }) };
    }
    line += 1;
    start = newline + 1;
  }
}

function badIn(row: Buffer): { column: number; byte: number | undefined } {
  let column = 1;
  let at = 0;
  for (const character of row.toString("utf8")) {
    const expected = Buffer.from(character);
    if (row.compare(expected, 0, expected.length, at, Math.min(at + expected.length, row.length)) !== 0)
      break;
    at += expected.length;
    column += character.length;
  }
  return { column, byte: row[at] };
}

function wrongBytes(
  file: string,
  message: string,
  hint: string,
  at: { readonly line: number; readonly column: number } = { line: 1, column: 1 },
): KilnError {
  const place = { file, line: at.line, column: at.column };
  return new KilnError("spec_invalid", `${file} has 1 problem.`, { problems: [{ place, message, hint }] });
}
