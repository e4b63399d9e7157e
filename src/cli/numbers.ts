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

/** A release's number, which `kiln history` shows. */
export function parseRelease(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value === 0) {
    throw new InvalidArgumentError("Expected a release's number, as in `kiln history`.");
  }
  return value;
}

/** How many of the last lines; `all` is infinity. */
export function parseTail(text: string): number {
  const value = text === "all" ? Number.POSITIVE_INFINITY : wholeNumber(text);
  if (value === undefined) throw new InvalidArgumentError("Expected a whole number, or `all`.");
  return value;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
