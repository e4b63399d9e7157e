import type { KilnError } from "../../../lib/errors.ts";
import { invalidSpec } from "../../rules/findings.ts";

/**
 * The variables of a `.env` file, or of one that `env_file` names: `NAME=value`, with `#` comments, quotes, and `export` as shells have it. A
 * quoted value may have several lines, as Compose reads it. A name alone has no value. Throws `spec_invalid`, with the place in `file`, for a
 * quote that does not end, and for text after one that does.
 */
export function parseEnvFile(file: string, text: string): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  const start = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(?:=[ \t]*(?:(["'])|(.*))|$)/gm;
  const rest = /[ \t]*(#.*)?$/my;
  for (let match = start.exec(text); match !== null; match = start.exec(text)) {
    const [, name = "", quote, plain] = match;
    if (quote === undefined) {
      found.set(name, plain?.replace(/(^|\s)#.*$/, "").trimEnd());
      continue;
    }
    const from = start.lastIndex;
    const to = endOfQuoted(text, from, quote);
    rest.lastIndex = to + 1;
    if (to === text.length) throw refused(file, text, from - 1, `The quoted value of ${name} does not end.`);
    if (!rest.test(text)) throw refused(file, text, to, `Text follows the quoted value of ${name}.`);
    found.set(name, unescaped(text.slice(from, to), quote));
    start.lastIndex = to + 1;
  }
  return found;
}

/** Where the quote is that ends it, or the end of the text. */
function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === quote) return at;
    if (text[at] === "\\") at++;
  }
  return text.length;
}

function unescaped(text: string, quote: string): string {
  const lines = text.replaceAll("\r\n", "\n");
  if (quote === "'") return lines.replaceAll("\\'", "'");
  return lines.replace(/\\([n"\\$])/g, (_, c) => (c === "n" ? "\n" : c));
}

function refused(file: string, text: string, offset: number, message: string): KilnError {
  const hint = "End the value with the quote that begins it, and write `\\` before each such quote inside.";
  return invalidSpec(file, text, [{ offset, message, hint }]);
}
