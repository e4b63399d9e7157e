import { decode, ExtensionCodec, encode } from "@msgpack/msgpack";
import type { DynamicValue } from "./wire/messages.ts";

/** In place of a value that is known only after an apply. */
class Unknown {
  readonly unknown = true;
}

export const unknown = new Unknown();

export type Value =
  | string
  | number
  | boolean
  | null
  | Unknown
  | readonly Value[]
  | { readonly [key: string]: Value };

/** One object of a schema: its attributes by name, null where nothing is set. */
export type Values = Readonly<Record<string, Value>>;

/** Extension type 0 is an unknown value, 12 one of which something is known (Terraform, docs/plugin-protocol/object-wire-format.md). */
const unknownType = 0;
const refinedUnknownType = 12;

const codec = new ExtensionCodec();
codec.register({
  type: unknownType,
  encode: (value) => (value instanceof Unknown ? new Uint8Array(1) : null),
  decode: () => unknown,
});
codec.register({ type: refinedUnknownType, encode: () => null, decode: () => unknown });

/** Undefined for null: no object is there. */
export function readObject({ msgpack, json }: DynamicValue): Values | undefined {
  const hasJson = json !== undefined && json.length > 0;
  const bytes = msgpack ?? new Uint8Array();
  const value = hasJson ? fromJson(json) : decode(bytes, { extensionCodec: codec });
  return (value as Values | null) ?? undefined;
}

export function writeObject(values: Values | undefined): DynamicValue {
  return { msgpack: encode(values ?? null, { extensionCodec: codec }) };
}

export function fromJson(json: Uint8Array): Values {
  return JSON.parse(new TextDecoder().decode(json)) as Values;
}

export function isKnown(value: Value): boolean {
  if (value instanceof Unknown) return false;
  if (value === null || typeof value !== "object") return true;
  return Object.values(value).every(isKnown);
}

/** Text of an attribute; undefined where none is set. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}
