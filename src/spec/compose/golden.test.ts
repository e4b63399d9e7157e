import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { loadSpecs } from "../load.ts";
import { readSpecText } from "../yaml/source.ts";
import { importCompose } from "./compose.ts";
import { projectIn } from "./project/project.ts";

/** Every folder of `golden` is a project as people have them; `NAME.txt` holds what they get. `vitest -u` rewrites them: check the difference. */
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
  const told = await takeOver(project).catch(words);
  await expect(told).toMatchFileSnapshot(join(golden, `${name}.txt`));
});

/** What is said and written. All that is written is valid, or it says where it is not. */
async function takeOver(project: string): Promise<string> {
  const [file = ""] = (await readdir(project)).filter((name) => /compose\.ya?ml$/.test(name));
  const text = await readSpecText(join(project, file));
  const { files, remarks } = await importCompose({ file, text, project: projectIn(project) });
  for (const { path, text: content } of files) {
    await mkdir(dirname(join(project, path)), { recursive: true });
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
