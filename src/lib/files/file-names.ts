import { isUtf8 } from "node:buffer";

/**
 * Names of files are bytes, and texts here are Unicode: a byte that is not UTF-8 becomes U+DC80 to U+DCFF, which no UTF-8
 * text has, so that `fileNameBytes` gives the same bytes back ("surrogateescape", PEP 383).
 */
export function fileNameText(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
    text += length
      ? Buffer.from(bytes.subarray(at, at + length)).toString("utf8")
      : String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
    at += length ?? 1;
  }
  return text;
}

/** The bytes that `fileNameText` has read, or the UTF-8 of any other text. */
export function fileNameBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  return Buffer.concat(
    Array.from(text, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character);
    }),
  );
}
