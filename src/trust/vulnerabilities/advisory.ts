/** From the least to the worst. `negligible` is what Debian calls unimportant; `unknown`: no one has rated it. */
export const severities = ["unknown", "negligible", "low", "medium", "high", "critical"] as const;

export type Severity = (typeof severities)[number];

/** What one source of data says of a vulnerability in one source package of one suite. */
export interface Advisory {
  /** `CVE-2024-1234`. */
  readonly id: string;
  /** Name of the source package. */
  readonly source: string;
  /** Debian's name of the suite, such as `bookworm`. */
  readonly suite: string;
  /** The first version that has the vulnerability; `0`: all have it. */
  readonly introduced: string;
  /** The first version that no longer has it, `0` for a package that never had it; undefined: there is no fix. */
  readonly fixed: string | undefined;
  readonly severity: Severity;
  /** One line, at most 200 characters. */
  readonly summary: string;
}

/** With the name of the data that it is from. */
export interface KnownAdvisory extends Advisory {
  readonly origin: string;
}

/** The worst of several; `unknown` for none. */
export function worstOf(all: readonly Severity[]): Severity {
  return all.reduce((worst, one) => (isWorse(one, worst) ? one : worst), "unknown");
}

export function isWorse(a: Severity, b: Severity): boolean {
  return severities.indexOf(a) > severities.indexOf(b);
}

/** One line of text without control characters, cut to 200 characters. */
export function summaryOf(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return line.length > 200 ? `${line.slice(0, 199).toWellFormed()}…` : line;
}
