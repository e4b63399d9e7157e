import { isKnown, type Value, type Values } from "./values.ts";
import type { WireSchema } from "./wire/messages.ts";

export type AttributeType = "string" | "number" | "bool" | readonly ["list" | "map", "string"];

/** `required` and `optional` are the user's to write, `computed` is Kiln's to say. */
export interface Attribute {
  readonly type: AttributeType;
  readonly is: "required" | "optional" | "computed";
  readonly description: string;
  /** Another value needs another resource: this one is removed, and the other one made. */
  readonly replaces?: boolean;
}

export interface Schema {
  readonly description: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
}

const text = new TextEncoder();

export function wireSchema({ description, attributes }: Schema): WireSchema {
  const all = Object.entries(attributes).map(([name, { type, is, description }]) => ({
    ...{ name, description, type: text.encode(JSON.stringify(type)) },
    ...{ required: is === "required", optional: is === "optional", computed: is === "computed" },
  }));
  return { version: 0, block: { description, attributes: all } };
}

/** Exactly the attributes of the schema: what is absent is null, what the schema does not know is left out. */
export function conform({ attributes }: Schema, values: Values): Values {
  return Object.fromEntries(Object.keys(attributes).map((name) => [name, values[name] ?? null]));
}

/** The attributes that the user writes, as they are in these values. */
export function written({ attributes }: Schema, values: Values): Values {
  const mine = Object.entries(attributes).filter(([, { is }]) => is !== "computed");
  return Object.fromEntries(mine.map(([name]) => [name, values[name] ?? null]));
}

/** Whether the user has written values that are all known. */
export function isWhollyKnown(schema: Schema, values: Values): boolean {
  return Object.values(written(schema, values)).every(isKnown);
}

export function equal(a: Value, b: Value): boolean {
  return isKnown(a) && isKnown(b) && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

/** Maps have no order. */
function sorted(value: Value): Value {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
