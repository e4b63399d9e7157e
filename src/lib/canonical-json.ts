/**
 * JSON with sorted keys and no spaces: equal values give equal text, whatever the order their keys were written in.
 * Members that are undefined are left out, as `JSON.stringify` does. Keys that are whole numbers come first, in
 * their numeric order, as in every JavaScript object.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (isPlainObject(member) ? sorted(member) : member));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, value[key]]));
}
