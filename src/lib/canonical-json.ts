/**
 * JSON in the one form of RFC 8785 (JSON Canonicalization Scheme): keys in the order of their UTF-16 code units, no
 * spaces. Equal values give equal text, whatever the order their keys were written in. Members that are undefined are
 * left out, as `JSON.stringify` does; half a surrogate pair, which the RFC refuses, becomes U+FFFD.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.toWellFormed());
  if (Array.isArray(value)) return `[${value.map((member) => canonicalJson(member)).join(",")}]`;
  if (isObject(value)) return `{${membersOf(value).join(",")}}`;
  return JSON.stringify(value) ?? "null";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function membersOf(value: Record<string, unknown>): string[] {
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  return keys.sort().map((key) => `${canonicalJson(key)}:${canonicalJson(value[key])}`);
}
