import { InvalidArgumentError } from "commander";

const mostServers = 1000;

/** How many servers. */
export function parseCount(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value > mostServers) {
    throw new InvalidArgumentError(`Expected a whole number from 0 to ${mostServers}.`);
  }
  return value;
}

/** The number of what must be there, or 0; or the digest of a plan. */
export function parseExpected(text: string): number | string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  const value = wholeNumber(text);
  if (value === undefined)
    throw new InvalidArgumentError(
      "Expected a whole number, as `kiln status` shows it, or the digest of a plan: sha256: and 64 hex digits.",
    );
  return value;
}

/** The digest of a plan. */
export function parsePlan(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError(
    "Expected the digest of a plan, as a plan prints it: sha256: and 64 hex digits.",
  );
}

/** A file for a plan. A service is never named like that, so `kiln deploy` can tell the two apart. */
export function parsePlanPath(text: string): string {
  if (isPlanPath(text)) return text;
  throw new InvalidArgumentError(
    `Expected a name with a dot or a slash, such as ${text}.plan: \`kiln deploy ${text}\` would deploy a service.`,
  );
}

export function isPlanPath(text: string): boolean {
  return /[./]/.test(text);
}

/** A release's number, which `kiln history` shows. */
export function parseRelease(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected the number of a release, as in `kiln history`.");
  }
  return value;
}

/** The place of an event in the log, which `kiln audit` shows. */
export function parseSequence(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected the number of an entry, as in `kiln audit`.");
  }
  return value;
}

/** A TCP port to listen at. */
export function parsePort(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0 || value > 65_535) {
    throw new InvalidArgumentError("Expected a port: a whole number from 1 to 65535.");
  }
  return value;
}

/** A text to look for. */
export function parseText(text: string): string {
  if (text !== "" && text.length <= 1_000) return text;
  throw new InvalidArgumentError("Expected a text of 1 to 1,000 characters.");
}

/** How many of the last lines; `all` is infinity. */
export function parseTail(text: string): number {
  const value = text === "all" ? Number.POSITIVE_INFINITY : wholeNumber(text);
  if (value === undefined) throw new InvalidArgumentError("Expected a whole number, or `all`.");
  return value;
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** A time in the past, before `nowMs`: `2h` ago, or a date of ISO 8601 (without a zone: local). Unix time in ms. */
export function parseSince(text: string): (nowMs: number) => number {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined)
    return (nowMs) => Math.max(0, nowMs - Number(amount) * unitMs[unit as keyof typeof unitMs]);
  const atMs = /^\d{4}-\d\d-\d\d/.test(text)
    ? Date.parse(text.length === 10 ? `${text}T00:00` : text)
    : Number.NaN;
  if (Number.isNaN(atMs))
    throw new InvalidArgumentError(
      "Expected how long ago (30m, 2h, 3d) or a time (2026-05-01, 2026-05-01T08:00Z).",
    );
  return () => Math.max(0, atMs);
}

/** `30m`, `4h`, `2d`: in ms, at least one minute and at most a year. */
export function parseDuration(text: string): number {
  const ms = durationIn(text);
  if (ms >= unitMs.m && ms <= 365 * unitMs.d) return ms;
  throw new InvalidArgumentError("Expected how long (30m, 4h, 2d), at least 1m and at most 365d.");
}

/** How long a command waits: `30s`, `5m`, `1h`; in ms. */
export function parseTimeout(text: string): number {
  const ms = durationIn(text);
  if (ms >= unitMs.s && ms <= 7 * unitMs.d) return ms;
  throw new InvalidArgumentError("Expected how long (30s, 5m, 1h), at least 1s and at most 7d.");
}

/** How often something is looked at: `10s`, `5m`, `1h`; in ms. */
export function parseInterval(text: string): number {
  const ms = durationIn(text);
  if (ms >= 10 * unitMs.s && ms <= unitMs.d) return ms;
  throw new InvalidArgumentError("Expected how often (30s, 5m, 1h), at least 10s and at most 1d.");
}

/** In ms; NaN for what is none. */
function durationIn(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  return Number(amount) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN);
}

/** A candidate's number. */
export function parseCandidate(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected the number of a candidate, as in `kiln candidate ls`.");
  }
  return value;
}

/** A rollout's number. */
export function parseRolloutNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected the number of a rollout, as in `kiln history`.");
  }
  return value;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** `NAME=VALUE`, added to those before it. */
export function parsePair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("Expected NAME=VALUE.");
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`Expected ${name} only once.`);
  return { ...before, [name]: value };
}

/** The number of a job's run, which `kiln job ls` shows. */
export function parseRunNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected the number of a run, as in `kiln job ls`.");
  }
  return value;
}
