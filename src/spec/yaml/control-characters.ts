/**
 * The first character that a text of a spec must not contain: control characters other than tab and line feed (and, in the
 * file itself, carriage return), and halves of surrogate pairs. YAML 1.2.2 section 5.1 calls these characters not printable.
 */
export function findControl(
  text: string,
  options: { readonly carriageReturn: boolean },
): ControlFound | undefined {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x20 && code < 0x7f) continue;
    if (code === 0x09 || code === 0x0a || (code === 0x0d && options.carriageReturn)) continue;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return { at, name: nameOf(code) };
    if (code >= 0xd800 && code < 0xe000) {
      const pair = text.codePointAt(at) ?? 0;
      if (pair < 0x10000) return { at, name: nameOf(code) };
      at += 1;
    }
  }
  return undefined;
}

export interface ControlFound {
  readonly at: number;
  /** `U+0000`. */
  readonly name: string;
}

function nameOf(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}
