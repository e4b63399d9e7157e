import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { specJsonSchema } from "./json-schema.ts";

const committed = join(import.meta.dirname, "../../schema/kiln.schema.json");

test("the committed schema is what `kiln schema` prints", async () => {
  expect(JSON.parse(await readFile(committed, "utf8"))).toEqual(specJsonSchema());
});

test("it has what editors need", () => {
  const schema = specJsonSchema();
  expect(schema).toMatchObject({
    $schema: "http://json-schema.org/draft-07/schema#",
    required: ["service", "image"],
    additionalProperties: false,
    properties: {
      servers: { properties: { count: { type: "integer", default: 1, minimum: 0, maximum: 1000 } } },
      health: { properties: { interval: { type: "string", default: "1s" } } },
      image: { properties: { version: { type: ["string", "number", "boolean"] } } },
      environments: { additionalProperties: { properties: { servers: { anyOf: [{}, { type: "null" }] } } } },
    },
  });
});

test("environments have no required keys and no defaults", () => {
  const { environments } = specJsonSchema().properties as Record<string, { additionalProperties: unknown }>;
  const withoutLists = (key: string, value: unknown) => (key === "items" ? undefined : value); // a list replaces as a whole
  expect(JSON.stringify(environments?.additionalProperties, withoutLists)).not.toContain('"default"');
});
