import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { projectIn } from "../compose/project/project.ts";
import { loadSpecs } from "../load.ts";
import { readSpecText } from "../yaml/source.ts";
import { importKamal, isKamal } from "./kamal.ts";

/** Every folder of `golden` is a project, and `NAME.txt` holds what becomes of it. */
const golden = join(import.meta.dirname, "golden");
const cases = (await readdir(golden, { withFileTypes: true })).filter((entry) => entry.isDirectory());

let outer: string;

beforeAll(async () => {
  outer = await mkdtemp("/tmp/kiln-");
});

afterAll(() => rm(outer, { recursive: true }));

test.each(cases.map(({ name }) => name))("%s", async (name) => {
  const project = join(outer, name);
  await cp(join(golden, name), project, { recursive: true });
  await expect(await takeOver(project).catch(words)).toMatchFileSnapshot(join(golden, `${name}.txt`));
});

test("a Kamal file differs from a Compose file by its keys", () => {
  expect(isKamal("service: shop\nservers: [a]\n")).toBe(true);
  expect(isKamal("services:\n  service: { image: a }\n")).toBe(false);
});

test("keys with the names of what every object has are keys like others", async () => {
  const text = "service: shop\nimage: shop\nservers: [a]\nconstructor: 1\nbuilder: { valueOf: 1 }\n";
  const { remarks } = await importKamal({ file: "deploy.yml", text, project: projectIn(outer) });
  const said = remarks.map(({ message, hint }) => `${message} ${hint}`);
  for (const key of ["constructor", "builder.valueOf"])
    expect(said).toContain(`\`${key}\` is not taken over. docs/kiln-yaml.md lists the keys that there are.`);
});

/** What is said and written; all that is written is valid. */
async function takeOver(project: string): Promise<string> {
  const text = await readSpecText(join(project, "config/deploy.yml.erb"));
  const { files, remarks } = await importKamal({
    file: "config/deploy.yml",
    text,
    project: projectIn(project),
  });
  for (const { path, text: content } of files) {
    await writeFile(join(project, path), content, { flag: "wx" });
    await loadSpecs(join(project, path));
  }
  const said = remarks.map(
    ({ line, column, services, message, hint }) =>
      `${line}:${column} ${services.join(", ") || "-"}: ${message}\n    ${hint}\n`,
  );
  const written = files.map(
    ({ path, text: content }) => `\n==> ${path}\n${content.replaceAll(/^#.*\n/gm, "")}`,
  );
  return [...said, ...written].join("");
}

function words(error: unknown): string {
  if (!(error instanceof KilnError)) throw error;
  const problems = error.problems.map(({ place, message, hint }) => {
    return `${place?.line}:${place?.column} ${message}${hint === undefined ? "" : `\n    ${hint}`}`;
  });
  return [`${error.code}: ${error.message.replaceAll(outer, "")}`, ...problems, ""].join("\n");
}
