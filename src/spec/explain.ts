import { type JsonSchema, specJsonSchema } from "./json-schema.ts";

/** A key of `kiln.yaml` in words. */
export interface KeyHelp {
  /** `health.http`; entries of lists as `jobs.before[].command`, names that users choose as `environments.NAME`. */
  readonly key: string;
  /** A sentence; undefined for a section that only holds keys. */
  readonly meaning: string | undefined;
  /** `a whole number, 0 to 1000`. */
  readonly form: string;
  readonly required: boolean;
  /** As it would be written in the file; undefined: it has none. */
  readonly default: string | undefined;
  readonly examples: readonly string[];
  /** The keys in it. */
  readonly keys: readonly { readonly key: string; readonly meaning: string | undefined }[];
}

interface Found {
  readonly key: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
}

/** What `path` means, such as `health.http`; brackets of lists may be left out. Undefined: there is no such key. */
export function explainKey(path: string): KeyHelp | undefined {
  const steps = path.split(".").map((step) => step.replace(/\[.*\]$/, ""));
  const root: Found = { key: "", schema: specJsonSchema(), required: true };
  const found = steps.reduce<Found | undefined>((at, name) => at && childOf(at, name), root);
  if (found === undefined) return undefined;
  const { key, schema, required } = found;
  const all = shapesOf(schema);
  return {
    ...{ key, required, form: formOf(schema), default: written(schema.default) },
    meaning: meaningOf(schema),
    examples: all
      .flatMap(({ examples = [] }) => examples as readonly unknown[])
      .map((it) => written(it) ?? ""),
    keys: childrenOf(found).map((child) => ({ key: child.key, meaning: meaningOf(child.schema) })),
  };
}

/** Every key, without those that environments repeat. */
export function allKeys(): readonly string[] {
  const below = (at: Found): readonly string[] =>
    childrenOf(at).flatMap((child) => [child.key, ...(child.key === "environments" ? [] : below(child))]);
  return below({ key: "", schema: specJsonSchema(), required: true });
}

function childOf(at: Found, name: string): Found | undefined {
  const open = keyedShapes(at).find(({ schema }) => isSchema(schema.additionalProperties));
  const any = open && (open.schema.additionalProperties as JsonSchema);
  return (
    childrenOf(at).find((child) => child.key === joined(at.key, name) || child.key.endsWith(`[].${name}`)) ??
    (open && any && { key: joined(open.key, name), schema: any, required: false })
  );
}

function childrenOf(at: Found): readonly Found[] {
  const found = keyedShapes(at).flatMap(({ key, schema }) => {
    const required = (schema.required ?? []) as readonly string[];
    return Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).map(([name, child]) => ({
      ...{ key: joined(key, name), schema: child, required: required.includes(name) },
    }));
  });
  return [...new Map(found.toReversed().map((child) => [child.key, child])).values()].toReversed();
}

/** The shapes that a value can have, of a list the shapes of its entries. */
function keyedShapes({
  key,
  schema,
}: Pick<Found, "key" | "schema">): readonly Pick<Found, "key" | "schema">[] {
  return shapesOf(schema).flatMap((shape) =>
    isSchema(shape.items) ? keyedShapes({ key: `${key}[]`, schema: shape.items }) : [{ key, schema: shape }],
  );
}

function shapesOf(schema: JsonSchema): readonly JsonSchema[] {
  const { anyOf } = schema as { readonly anyOf?: readonly JsonSchema[] };
  return anyOf === undefined ? [schema] : anyOf.flatMap(shapesOf);
}

function meaningOf(schema: JsonSchema): string | undefined {
  const found = [schema, ...shapesOf(schema)].find(({ description }) => typeof description === "string");
  return found && String(found.description);
}

function formOf(schema: JsonSchema): string {
  return [...new Set(shapesOf(schema).map(formOfShape))].join(", or ");
}

function formOfShape(schema: JsonSchema): string {
  const { enum: choices, const: only, type, items } = schema;
  if (Array.isArray(choices)) return `one of: ${choices.join(", ")}`;
  if (only !== undefined) return String(only);
  if (isSchema(items)) return `a list; each entry: ${formOf(items)}`;
  if (type === "object") return isSchema(schema.properties) ? "keys, as below" : "names with values";
  if (type === "integer" || type === "number")
    return `a ${type === "integer" ? "whole " : ""}number${range(schema)}`;
  if (type === "boolean") return "true or false";
  return type === "null" ? "null" : "text";
}

function range({ minimum, maximum }: JsonSchema): string {
  const [least, most] = [minimum, maximum].map((it) =>
    Math.abs(Number(it)) < Number.MAX_SAFE_INTEGER ? it : undefined,
  );
  if (least !== undefined && most !== undefined) return `, ${least} to ${most}`;
  return least === undefined ? "" : `, at least ${least}`;
}

function joined(key: string, name: string): string {
  return key === "" ? name : `${key}.${name}`;
}

function written(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
