/** A word that may span lines, in weak quotes (Configuration Manual, section 2.2). */
export function quoteLines(text: string): string {
  const escaped = text
    .replaceAll(/["\\$]/g, "\\$&")
    .replaceAll("\r", "\\r")
    .replaceAll("\n", "\\n");
  return `"${escaped}"`;
}

/** A word of the configuration in strong quotes: nothing inside is special (Configuration Manual, section 2.2). */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** HAProxy refuses a line of more than 64 words (`MAX_LINE_ARGS` of its source). */
const wordsInLine = 40;

/** Words without blanks, so many together as fit into one line next to what else is there. */
export function inLines(words: readonly string[]): readonly string[] {
  const lines = Math.ceil(words.length / wordsInLine);
  return Array.from({ length: lines }, (_, i) =>
    words.slice(i * wordsInLine, (i + 1) * wordsInLine).join(" "),
  );
}
