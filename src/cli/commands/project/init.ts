import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { isErrno, KilnError, type Problem } from "../../../lib/errors.ts";
import type { PlacedRemark } from "../../../spec/compose/compose.ts";
import type { Context, Outcome } from "../../context.ts";
import { findFreePort } from "../../free-port.ts";
import { plainText } from "../../output/text.ts";
import { plural } from "../../output/units.ts";

/** The first free one: another service of this machine may use it. */
const usualPorts = Array.from({ length: 20 }, (_, i) => 8080 + i);

interface InitOptions {
  readonly from?: string;
}

/** Writes what `initialSpec` suggests, or a Compose or Kamal file as kiln.yaml; never overwrites a file. */
export async function run(context: Context, { from }: InitOptions): Outcome {
  if (from !== undefined) return takeOver(context, resolve(context.cwd, from));
  const { initialSpec } = await import("../../../spec/initial/initial.ts");
  const { about, files } = await initialSpec(context.cwd, await findFreePort(usualPorts));
  await writeAll(context.cwd, files);
  context.output.result({ about, files: files.map((file) => file.path) }, [
    about,
    ...files.map((file) => `Wrote ${file.path}`),
    "  Check kiln.yaml, then run `kiln deploy`.",
  ]);
  return 0;
}

/** Each service of a Compose or Kamal file. Paths in it are relative to its project's folder, and so is what is written. */
async function takeOver(context: Context, path: string): Outcome {
  const [{ projectIn }, { readSpecText }, { importKamal, isKamal }] = await Promise.all([
    import("../../../spec/compose/project/project.ts"),
    import("../../../spec/yaml/source.ts"),
    import("../../../spec/kamal/kamal.ts"),
  ]);
  const text = await readSpecText(path);
  const isOfKamal = isKamal(text);
  // Kamal runs where the folder `config` is.
  const folder = isOfKamal && basename(dirname(path)) === "config" ? dirname(dirname(path)) : dirname(path);
  const source = { file: relative(folder, path), text, project: projectIn(folder) };
  const { importCompose } = await import("../../../spec/compose/compose.ts");
  const { services, files, remarks } = await (isOfKamal ? importKamal(source) : importCompose(source));
  await writeAll(folder, files);
  const written = files.map((file) => `Wrote ${file.path} (${file.services.join(", ")})`);
  const problems = (await Promise.all(files.map((file) => problemsOf(join(folder, file.path))))).flat();
  context.output.result({ services, files: files.map((file) => file.path), remarks, problems }, [
    ...written,
    ...remarks.flatMap(remarkLines),
    ...problems.flatMap(problemLines),
    `  ${plural(remarks.length, "remark")}; each is in kiln.yaml, too. Work them off, then run \`kiln plan\` and \`kiln deploy\`.`,
  ]);
  return 0;
}

/** What the other file has that kiln.yaml refuses, such as one path twice. */
async function problemsOf(path: string): Promise<readonly Problem[]> {
  const { loadSpecs } = await import("../../../spec/load.ts");
  try {
    await loadSpecs(path);
    return [];
  } catch (error) {
    if (error instanceof KilnError) return error.problems;
    throw error;
  }
}

function problemLines({ place, message, hint }: Problem): readonly string[] {
  const at = place === undefined ? "" : `${place.file}:${place.line}:${place.column} `;
  return [plainText(`${at}${message}`), ...(hint === undefined ? [] : [`    ${plainText(hint)}`])];
}

function remarkLines({ file, line, column, services, message, hint }: PlacedRemark): readonly string[] {
  const of = services.length === 0 ? "" : `${services.join(", ")}: `;
  return [plainText(`${file}:${line}:${column} ${of}${message}`), `    ${plainText(hint)}`];
}

/** All of them, or none. */
async function writeAll(
  folder: string,
  files: readonly { readonly path: string; readonly text: string }[],
): Promise<void> {
  const made: string[] = [];
  try {
    for (const file of files) {
      const path = join(folder, file.path);
      await using opened = await openNew(path);
      made.push(path);
      await opened.writeFile(file.text);
    }
  } catch (error) {
    for (const path of made) await rm(path);
    throw error;
  }
}

async function openNew(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true });
  try {
    return await open(path, "wx");
  } catch (error) {
    throw isErrno(error, "EEXIST") ? alreadyThere(path) : error;
  }
}

function alreadyThere(path: string): KilnError {
  return new KilnError("usage", `${path} already exists.`, {
    hint: "`kiln init` overwrites nothing. Rename or delete the file first, or use another folder.",
  });
}
