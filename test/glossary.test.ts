import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const sources = join(import.meta.dirname, "../src");

test("a type name means one thing: it is declared and exported once", () => {
  const places = new Map<string, string[]>();
  for (const file of readdirSync(sources, { recursive: true, encoding: "utf8" })) {
    // The dashboard is a program of its own, which shares the contract of the API alone.
    if (!file.endsWith(".ts") || file.startsWith("dashboard/")) continue;
    const names = readFileSync(join(sources, file), "utf8").matchAll(
      /^export (?:interface|type|class|enum) (\w+)/gm,
    );
    for (const [, name = ""] of names) places.set(name, [...(places.get(name) ?? []), file]);
  }
  expect(places.size).toBeGreaterThan(500);
  expect([...places].filter(([, files]) => files.length > 1)).toEqual([]);
});
