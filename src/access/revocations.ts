/** A stream of a token continues for so long after the token has expired: what a command follows ends with it. */
const graceMs = 3_600_000;
const longestTimerMs = 2 ** 31 - 1;

export interface RevocationWatch extends Disposable {
  readonly signal: AbortSignal;
}

/** Ends what tokens have open when they are revoked. */
export class Revocations {
  readonly #open = new Map<string, Set<AbortController>>();

  /** Its signal fires when the token is revoked, and an hour after it has expired. */
  watch(token: string, expiresInMs: number): RevocationWatch {
    const controller = new AbortController();
    const all = this.#open.get(token) ?? new Set();
    all.add(controller);
    this.#open.set(token, all);
    const timer = setTimeout(() => controller.abort(), Math.min(expiresInMs + graceMs, longestTimerMs));
    timer.unref();
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        all.delete(controller);
        if (all.size === 0 && this.#open.get(token) === all) this.#open.delete(token);
      },
    };
  }

  revoked(tokens: readonly string[]): void {
    for (const token of tokens) for (const controller of this.#open.get(token) ?? []) controller.abort();
  }
}
