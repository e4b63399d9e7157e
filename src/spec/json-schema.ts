import { z } from "zod";
import { documentSchema, isWrittenText } from "./schema/document.ts";

/** The part of a JSON Schema that this module reads. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/**
 * JSON Schema (draft 7, which editors' YAML plug-ins know best) of one document of kiln.yaml. Made from the
 * schema that validates; rules between sections cannot be expressed in it.
 */
export function specJsonSchema(): JsonSchema {
  const whole = z.toJSONSchema(documentSchema, { target: "draft-7", io: "input" }) as JsonSchema;
  const document = withWrittenText(whole, []);
  const properties = document.properties as Record<string, JsonSchema>;
  const { service: _, environments = {}, ...overlaid } = properties;
  const overlay = { type: "object", properties: partial(overlaid), additionalProperties: false };
  return {
    ...document,
    title: "kiln.yaml",
    description: "One service of Kiln.",
    properties: { ...properties, environments: { ...environments, additionalProperties: overlay } },
  };
}

/** Numbers and booleans are allowed where the written text counts. */
function withWrittenText(schema: JsonSchema, path: readonly string[]): JsonSchema {
  const below = (key: string, at: string) =>
    isSchema(schema[key]) ? { [key]: withWrittenText(schema[key], [...path, at]) } : {};
  const properties = isSchema(schema.properties)
    ? { properties: mapValues(schema.properties, (child, key) => withWrittenText(child, [...path, key])) }
    : {};
  const written =
    schema.type === "string" && isWrittenText(path) ? { type: ["string", "number", "boolean"] } : {};
  return {
    ...schema,
    ...written,
    ...properties,
    ...below("items", "*"),
    ...below("additionalProperties", "*"),
  };
}

/** In overlays no key is required, there are no defaults, and null removes a key. Lists are replaced as a whole. */
function partial(properties: Record<string, JsonSchema>): Record<string, JsonSchema> {
  return mapValues(properties, ({ default: _default, required: _required, ...schema }) => {
    if (!isSchema(schema.properties)) return { anyOf: [schema, { type: "null" }] };
    return {
      anyOf: [
        { ...schema, properties: partial(schema.properties as Record<string, JsonSchema>) },
        { type: "null" },
      ],
    };
  });
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapValues<T>(record: JsonSchema, map: (value: JsonSchema, key: string) => T): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, map(value as JsonSchema, key)]),
  );
}
