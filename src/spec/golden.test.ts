import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KilnError } from "../lib/errors.ts";
import { exec } from "../lib/process/exec.ts";
import { loadSpecs } from "./load.ts";

/**
 * Every `golden/NAME.input` is a mistake that people make; `NAME.txt` holds the words they get.
 * `vitest -u` rewrites them: check the difference.
 */
const golden = join(import.meta.dirname, "golden");
const cases = (await readdir(golden))
  .filter((name) => name.endsWith(".input"))
  .map((name) => name.slice(0, -6));

let outer: string;
let project: string;
let socket: Server;

beforeAll(async () => {
  outer = await mkdtemp("/tmp/kiln-");
  project = join(outer, "project");
  await mkdir(join(project, "a-folder"), { recursive: true });
  await writeFile(join(outer, "outside"), "");
  await writeFile(join(project, "a-file"), "");
  await symlink("../outside", join(project, "link-out"));
  await symlink("link-loop", join(project, "link-loop"));
  await symlink("/dev/null", join(project, "link-to-device"));
  await exec(["mkfifo", join(project, "pipe")]);
  socket = createServer().listen(join(project, "socket"));
  await once(socket, "listening");
});

afterAll(async () => {
  socket.close();
  await rm(outer, { recursive: true });
});

test.each(cases)("%s", async (name) => {
  const file = join(project, "kiln.yaml");
  await copyFile(join(golden, `${name}.input`), file);
  await expect(await refusal(file)).toMatchFileSnapshot(join(golden, `${name}.txt`));
});

/** The error as a person reads it. */
async function refusal(file: string): Promise<string> {
  const error = await loadSpecs(file).then(
    () => new Error("The file was accepted."),
    (e: unknown) => e,
  );
  if (!(error instanceof KilnError)) throw error;
  const problems = error.problems.map(({ place, message, hint }) => {
    return `${place?.line}:${place?.column} ${message}${hint === undefined ? "" : `\n    ${hint}`}`;
  });
  return [`${error.code}: ${error.message}`, ...problems, ""]
    .join("\n")
    .replaceAll(`${project}/`, "")
    .replaceAll(outer, "/outer");
}
