/** A word of the configuration in strong quotes: nothing inside is special (Configuration Manual, section 2.2). */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
