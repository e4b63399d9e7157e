import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type JsonSchema, specJsonSchema } from "./json-schema.ts";
import { loadSpecs } from "./load.ts";

const reference = await readFile(join(import.meta.dirname, "../../docs/kiln-yaml.md"), "utf8");

interface Row {
  readonly key: string;
  readonly default: string;
  readonly meaning: string;
}

function* schemaRows(schema: JsonSchema, path = ""): Generator<Row> {
  const required = (schema.required ?? []) as readonly string[];
  for (const [name, child] of Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)) {
    const key = path === "" ? name : `${path}.${name}`;
    const absent = required.includes(name) ? "required" : "none";
    yield { key, default: defaultOf(child) ?? absent, meaning: String(child.description) };
    yield* schemaRows(child, key);
    for (const item of itemsOf(child)) yield* schemaRows(item, `${key}[]`);
  }
}

function itemsOf({ items }: JsonSchema): readonly JsonSchema[] {
  const one = items as JsonSchema | undefined;
  return one === undefined ? [] : ((one.anyOf as readonly JsonSchema[] | undefined) ?? [one]);
}

function defaultOf({ default: value }: JsonSchema): string | undefined {
  if (value === undefined) return undefined;
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function documentedRows(): Row[] {
  return [...reference.matchAll(/^\| `([^`]+)` +\|[^|]+\|([^|]+)\|([^|]+)\|$/gm)].map(
    ([, key = "", absent = "", meaning = ""]) => ({ key, default: absent.trim(), meaning: meaning.trim() }),
  );
}

test("the reference has every key, with its default and its meaning", () => {
  expect(documentedRows()).toEqual([...schemaRows(specJsonSchema())]);
});

test("the complete example is valid and has every key", async () => {
  const example = /```yaml\n(.*?)```/s.exec(reference)?.[1] ?? "";
  const folder = await mkdtemp("/tmp/kiln-");
  try {
    const file = join(folder, "kiln.yaml");
    await writeFile(file, example);
    expect(await loadSpecs(file, { files: false })).toHaveLength(1);
    expect(await loadSpecs(file, { files: false, environment: "staging" })).toMatchObject([
      { count: 1, rollout: { strategy: "recreate" } },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
  for (const { key } of schemaRows(specJsonSchema())) {
    expect(example).toMatch(new RegExp(`\\b${key.split(".").at(-1)}:`));
  }
});

test("its example of an error matches Kiln's output", async () => {
  const golden = await readFile(join(import.meta.dirname, "golden/unknown-keys.txt"), "utf8");
  const [, example = ""] = /```\nkiln\.yaml:(.*?)```/s.exec(reference) ?? [];
  expect(golden).toContain(example);
});
