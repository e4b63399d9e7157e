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
