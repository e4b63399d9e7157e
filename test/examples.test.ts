import { globSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadSpecs } from "../src/spec/load.ts";

const files = globSync("examples/*/kiln.yaml", { cwd: join(import.meta.dirname, "..") });

test("there are examples", () => {
  expect(files.length).toBeGreaterThanOrEqual(3);
});

test.each(files)("%s is valid, with all files that it names", async (file) => {
  expect((await loadSpecs(join(import.meta.dirname, "..", file))).length).toBeGreaterThan(0);
});
