/** What has been checked, and the first thing that was found wrong. */
export class Verdict {
  readonly #found: (words: string) => void;
  checks = 0;
  found: { readonly rule: string; readonly words: string } | undefined;

  /** `found` hears of the first finding at the moment at which it is made. */
  constructor(found: (words: string) => void) {
    this.#found = found;
  }

  expect(holds: boolean, rule: string, words: () => string): void {
    this.checks++;
    if (!holds) this.fail(rule, words());
  }

  fail(rule: string, words: string): void {
    if (this.found !== undefined) return;
    this.found = { rule, words };
    this.#found(`FOUND ${rule}: ${words}`);
  }
}
