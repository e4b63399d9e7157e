import { access, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import type { Context, Outcome } from "../../context.ts";
import { findFreePort } from "../../free-port.ts";

/** The first free one: another service of this machine may use it. */
const usualPorts = Array.from({ length: 20 }, (_, i) => 8080 + i);

/** Writes what `initialSpec` suggests; never overwrites a file. */
export async function run(context: Context): Outcome {
  const { initialSpec } = await import("../../../spec/initial/initial.ts");
  const { about, files } = await initialSpec(context.cwd, await findFreePort(usualPorts));
  for (const { path } of files) await requireAbsent(context.cwd, path);
  for (const { path, text } of files) await writeNew(join(context.cwd, path), text);
  context.output.result({ about, files: files.map((file) => file.path) }, [
    about,
    ...files.map((file) => `Wrote ${file.path}`),
    "  Check kiln.yaml, then run `kiln deploy`.",
  ]);
  return 0;
}

async function requireAbsent(folder: string, path: string): Promise<void> {
  try {
    await access(join(folder, path));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  throw alreadyThere(join(folder, path));
}

async function writeNew(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(path, text, { flag: "wx" });
  } catch (error) {
    throw isErrno(error, "EEXIST") ? alreadyThere(path) : error;
  }
}

function alreadyThere(path: string): KilnError {
  return new KilnError("usage", `${path} already exists.`, {
    hint: "`kiln init` overwrites nothing. Rename or delete the file first, or use another folder.",
  });
}
