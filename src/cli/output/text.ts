import { stripVTControlCharacters } from "node:util";

/** How many columns a text takes on a terminal. */
export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/**
 * Foreign text (a server's log line, a probe's answer) made safe to show within Kiln's own text: no escape sequences,
 * no control characters, one line.
 */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are removed
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** The text, cut so that it takes at most `width` columns. Cut text loses its colour. */
export function cutTo(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  return `${[...stripVTControlCharacters(text)].slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Columns aligned to the left, two spaces between them, no space at the end of a line. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = header.length === 0 ? rows : [header, ...rows];
  const widths = all.reduce<number[]>((widest, row) => {
    for (const [i, cell] of row.entries()) widest[i] = Math.max(widest[i] ?? 0, visibleWidth(cell));
    return widest;
  }, []);
  return all.map((row) =>
    row
      .map((cell, i) => cell + " ".repeat((widths[i] ?? 0) - visibleWidth(cell)))
      .join("  ")
      .trimEnd(),
  );
}

/** `name` and its value under one another: a table without a header, indented. */
export function facts(rows: readonly (readonly [string, string])[]): string[] {
  return table([], rows).map((line) => `  ${line}`);
}

/** With a capital letter and a full stop. Not for what may begin with a name. */
export function sentence(text: string): string {
  return withFullStop(text.charAt(0).toUpperCase() + text.slice(1));
}

/** As the end of a sentence. */
export function withFullStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
