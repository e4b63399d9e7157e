import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { locate } from "./locate.ts";

const text = `service: shop
image: { from: scratch, command: [/run] }
jobs:
  after: [{ name: smoke, command: [/smoke] }]
environments:
  staging:
    jobs: { after: [{ name: smoke, command: [/other] }] }
---
service: blog
image: { from: scratch, command: [/blog] }
`;

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp("/tmp/kiln-");
  file = join(folder, "kiln.yaml");
  await writeFile(file, text);
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ["shop", undefined, 4, 26],
  ["shop", "staging", 7, 36],
] as const)("a job's command of %s, in environment %s", async (service, environment, line, column) => {
  const place = await locate(file, { service, environment }, ["jobs", "after", 0, "command"]);
  expect(place).toEqual({ file, line, column });
});

test("for another service of the file, and for a service that is no longer in it", async () => {
  const at = (service: string) => locate(file, { service, environment: undefined }, ["image", "command"]);
  expect(await at("blog")).toEqual({ file, line: 10, column: 25 });
  expect(await at("gone")).toBeUndefined();
});
