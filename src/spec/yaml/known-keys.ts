import { z } from "zod";
import type { KnownKeys } from "./words.ts";

/** Every key of every mapping of a file, in the schema's order. */
export function knownKeys(schema: z.ZodType): KnownKeys {
  return new Map(keysOf(schema, ""));
}

function* keysOf(schema: z.core.$ZodType, path: string): Generator<[string, readonly string[]]> {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return yield* keysOf(bare.element, `${path}[]`);
  if (bare instanceof z.ZodUnion) {
    for (const option of bare.options) yield* keysOf(option, path);
  }
  if (bare instanceof z.ZodRecord && bare.keyType instanceof z.ZodEnum)
    yield [path, bare.keyType.options.map(String)];
  if (!(bare instanceof z.ZodObject)) return;
  yield [path, Object.keys(bare.shape)];
  for (const [key, value] of Object.entries(bare.shape)) {
    yield* keysOf(value as z.core.$ZodType, path === "" ? key : `${path}.${key}`);
  }
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault
    ? unwrap(schema.unwrap())
    : schema;
}
