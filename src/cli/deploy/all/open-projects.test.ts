import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { KilnError } from "../../../lib/errors.ts";
import { cli } from "../../test-kit.ts";
import { openProjects } from "./open-projects.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-all-");
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, ...services: readonly string[]): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const documents = services.map((head) => `${head}\nimage: { from: scratch, command: [/app] }\n`);
  writeFileSync(file, documents.join("---\n"));
}

async function problems(): Promise<readonly string[]> {
  const error = await openProjects(folder, undefined).catch((reason: unknown) => reason);
  if (!(error instanceof KilnError)) throw new Error("The project was not refused.");
  return error.problems.map(
    ({ place, message }) =>
      `${place?.file.slice(folder.length + 1)}:${place?.line}:${place?.column} ${message}`,
  );
}

test("every kiln.yaml below a folder is found, in the order of rollouts; links and packages of others are left out", async () => {
  write("shop/kiln.yaml", "service: shop\nafter: [db]");
  write("data/db/kiln.yaml", "service: db");
  write("kiln.yaml", "service: web\nafter: [shop]", "service: cache");
  write("shop/node_modules/other/kiln.yaml", "service: other");
  write(".hidden/kiln.yaml", "service: hidden");
  symlinkSync(join(folder, "data"), join(folder, "linked"));
  const members = await openProjects(folder, undefined);
  expect(members.map(({ key, file }) => [key, file.slice(folder.length + 1)])).toEqual([
    ["db", "data/db/kiln.yaml"],
    ["shop", "shop/kiln.yaml"],
    ["web", "kiln.yaml"],
    ["cache", "kiln.yaml"],
  ]);
});

test("the problems of all files are reported at once, each with its place", async () => {
  write("a/kiln.yaml", "service: a\nports: 3");
  write("b/kiln.yaml", "service: b\ncount: 3");
  expect(await problems()).toEqual([
    expect.stringMatching(/^a\/kiln\.yaml:2:1 `ports` is not a key/),
    expect.stringMatching(/^b\/kiln\.yaml:2:1 `count` is not a key/),
  ]);
});

test("names that no file describes, cycles and names that appear twice have their place", async () => {
  write("a/kiln.yaml", "service: shop\nafter: [web, dbb]");
  write("b/kiln.yaml", "service: web\nafter: [shop]", "service: db");
  expect(await problems()).toEqual([
    "b/kiln.yaml:2:9 `after` makes a cycle: shop after web after shop; expected an order in which each can begin.",
    "a/kiln.yaml:2:14 `after` names dbb, which no file describes; expected a service.",
  ]);
  write("c/kiln.yaml", "service: db");
  expect((await problems())[0]).toMatch(/^c\/kiln\.yaml:1:1 The service `db` is also described by/);
});

test("a folder without a kiln.yaml is refused, and so is what does not go with --all", async () => {
  expect(await cli(["deploy", "--all"], { cwd: folder })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/There is no kiln\.yaml in/),
  });
  expect(await cli(["deploy", "--all", ".", "shop"], { cwd: folder })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/does not go with a service/),
  });
  expect((await cli(["plan", "--all", "--file", "x"], { cwd: folder })).code).toBe(2);
});
